"""A request for access names anything, tells its user nothing, and becomes exactly one grant for that user."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ambassador_server.domain.audit.actors import Requester, user_actor
from ambassador_server.domain.audit.events import AuditAction, Outcome
from ambassador_server.domain.catalog.mcps import McpStatus
from ambassador_server.domain.people.administrators import Administrator, Role
from ambassador_server.domain.policy.approval_requests import ApprovalRequest, RequestKind, RequestStatus
from ambassador_server.domain.policy.decide import decide
from ambassador_server.domain.policy.decision import Deny, Permit, Reason
from ambassador_server.domain.policy.grants import Effect, Grant
from ambassador_server.domain.policy.snapshot import Moment
from ambassador_server.errors import (
    AuditUnavailableError,
    ConflictError,
    InvalidInputError,
    MissingRightError,
    NotFoundError,
)
from ambassador_server.services.administration.access_requests import WAITS, AccessRequests
from ambassador_server.services.administration.pattern_checks import PatternChecks
from ambassador_server.services.changes.approval_requests import (
    LONGEST_REASON,
    MOST_CANCELLED,
    MOST_PENDING_OF_USER,
    ApprovalRequests,
    TooManyRequestsError,
)
from tests.server.services.world import ORIGIN, ROOT, World
from tests.server.worlds import LOG_TOOL, MCP, PRINCIPAL, capability

ALICE = Requester(None, ORIGIN, user_actor(PRINCIPAL))
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Access:
    """The service over fakes; alice has no grant."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.requests = ApprovalRequests(store=world.store, changes=world.changes, clock=world.clock)
        self.service = AccessRequests(
            requests=self.requests,
            policy=world.policy,
            catalog=world.catalog,
            patterns=PatternChecks(catalog=world.catalog, separator="__"),
            longest=DAY,
        )

    @classmethod
    async def build(cls) -> "Access":
        world = await World.build()
        async with world.store.write() as work:
            await work.grants.remove("permit")
        await world.policy.refresh()
        return cls(world)

    async def ask(
        self, name: str = "git", *, reason: str = "incident 7", lifetime: timedelta = HOUR
    ) -> ApprovalRequest:
        return await self.service.ask(ALICE, user_id="u1", name=name, reason=reason, lifetime=lifetime)

    async def approve(
        self, request: ApprovalRequest, *, by: Requester = ROOT, seconds: int | None = None
    ) -> ApprovalRequest:
        return await self.requests.decide(
            by, request.request_id, approve=True, reason="for now", valid_seconds=seconds
        )

    async def grants(self) -> list[Grant]:
        async with self.world.store.read() as work:
            return await work.grants.all()

    def permits(self, name: str = "git.log") -> bool:
        moment = Moment(self.world.clock.now())
        return isinstance(
            decide(self.world.policy.snapshot, PRINCIPAL, capability("m1", name), moment), Permit
        )


async def test_an_approved_request_is_one_grant_for_its_user_that_ends():
    access = await Access.build()
    request = await access.ask("git.log")
    assert (request.kind, request.status, request.mcp_id) == (RequestKind.ACCESS, RequestStatus.PENDING, None)
    assert not access.permits()
    decided = await access.approve(request)
    (grant,) = await access.grants()
    now = access.world.clock.now()
    assert grant == Grant(
        grant_id=grant.grant_id,
        group_id=None,
        user_id="u1",
        request_id=request.request_id,
        mcp_id="m1",
        patterns=("git.log",),
        effect=Effect.PERMIT,
        expires_at=now + HOUR,
        created_at=now,
        created_by="root",
    )
    assert (decided.status, decided.grant_id, decided.decided_by) == (
        RequestStatus.USED,
        grant.grant_id,
        "root",
    )
    assert (access.permits(), access.permits("git.push")) == (True, False)
    access.world.clock.advance(HOUR.total_seconds())
    assert not access.permits()


async def test_the_records_name_the_request_and_the_grant():
    access = await Access.build()
    request = await access.ask("git")
    await access.approve(request)
    (grant,) = await access.grants()
    asked, added, approved = access.world.log.events
    assert asked.action is AuditAction.REQUEST_ASK
    assert asked.actor.name == "alice"
    assert (
        asked.details.items()
        >= {"user": "alice", "kind": "access", "reason": "incident 7", "valid_seconds": 3600}.items()
    )
    assert (added.action, added.resource.id) == (AuditAction.GRANT_ADD, grant.grant_id)
    assert added.details.items() >= {"request": request.request_id, "user": "alice", "mcp": "git"}.items()
    assert (approved.action, approved.resource.id) == (AuditAction.REQUEST_APPROVE, request.request_id)
    assert (
        approved.details.items()
        >= {"grant": grant.grant_id, "decided_by": "root", "decision_reason": "for now"}.items()
    )


async def test_an_approval_that_cannot_be_recorded_makes_no_grant():
    access = await Access.build()
    request = await access.ask()
    access.world.log.break_down()
    with pytest.raises(AuditUnavailableError):
        await access.approve(request)
    access.world.log.mend()
    assert await access.grants() == []
    found = await access.requests.get(request.request_id)
    assert found is not None
    assert found.status is RequestStatus.PENDING


@pytest.mark.parametrize("name", ["git", "git.log", "git.none", "nothing", "nothing.tool", "draft"])
async def test_asking_answers_the_same_whether_something_exists_or_not(name: str):
    access = await Access.build()
    async with access.world.store.write() as work:
        await work.mcps.add(replace(MCP, mcp_id="m2", name="draft", status=McpStatus.DRAFT))
    await access.world.policy.refresh()
    request = await access.ask(name)
    assert replace(request, request_id="", capability="", capability_kind=None, digest="") == replace(
        await access.ask("other"), request_id="", capability="", capability_kind=None, digest=""
    )


@pytest.mark.parametrize(
    ("name", "exists", "has_tool"),
    [("git", True, None), ("git.log", True, True), ("git.none", True, False), ("none.log", False, None)],
)
async def test_who_decides_sees_whether_it_exists(name: str, exists: bool, has_tool: bool | None):
    access = await Access.build()
    target = access.service.target_of(await access.ask(name))
    assert (target.mcp is not None, target.has_tool) == (exists, has_tool)


@pytest.mark.parametrize("name", ["none", "none.log", "git.none"])
async def test_what_does_not_exist_is_not_approved(name: str):
    access = await Access.build()
    request = await access.ask(name)
    with pytest.raises(NotFoundError):
        await access.approve(request)
    assert await access.grants() == []
    denied = await access.requests.decide(ROOT, request.request_id, approve=False, reason=None)
    assert denied.status is RequestStatus.DENIED


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "git.",
        ".log",
        "Git",
        "git.*",
        "*",
        "git log",
        "git.lo g",
        "git\n.log",
        "g" * 513,
        "git.%zz",
        "git/log",
    ],
)
async def test_a_name_of_another_form_is_refused(name: str):
    access = await Access.build()
    with pytest.raises(InvalidInputError):
        await access.ask(name)


@pytest.mark.parametrize(
    "said",
    [
        {"reason": "  "},
        {"reason": "r" * (LONGEST_REASON + 1)},
        {"reason": "a\u202eb"},
        {"reason": "two\nlines"},
        {"lifetime": timedelta()},
        {"lifetime": DAY + timedelta(seconds=1)},
    ],
)
async def test_a_reason_and_a_time_within_bounds_are_needed(said):
    access = await Access.build()
    with pytest.raises(InvalidInputError):
        await access.ask(**said)


async def test_asking_again_for_the_same_is_one_request():
    access = await Access.build()
    request = await access.ask()
    assert await access.ask() == request
    with pytest.raises(ConflictError, match=request.request_id):
        await access.ask(lifetime=2 * HOUR)
    with pytest.raises(ConflictError, match=request.request_id):
        await access.ask(reason="another")
    await access.requests.cancel(ALICE, request.request_id, user_id="u1")
    assert (await access.ask(lifetime=2 * HOUR)).request_id != request.request_id


async def test_after_a_denial_the_same_is_not_asked_for_at_once():
    access = await Access.build()
    request = await access.ask()
    await access.requests.decide(ROOT, request.request_id, approve=False, reason="no")
    with pytest.raises(ConflictError, match="root has denied this"):
        await access.ask()
    access.world.clock.advance(601)
    assert (await access.ask()).status is RequestStatus.PENDING


async def test_access_may_be_asked_for_again_after_an_approval():
    access = await Access.build()
    await access.approve(await access.ask())
    again = await access.ask()
    assert again.status is RequestStatus.PENDING
    await access.approve(again)
    assert len(await access.grants()) == 2


async def test_the_number_of_requests_that_wait_is_bounded():
    access = await Access.build()
    for number in range(MOST_PENDING_OF_USER):
        await access.ask(f"git.tool-{number}")
    with pytest.raises(TooManyRequestsError):
        await access.ask("git.one-more")


async def test_the_number_of_requests_that_are_cancelled_is_bounded():
    access = await Access.build()
    for _ in range(MOST_CANCELLED):
        request = await access.ask()
        await access.requests.cancel(ALICE, request.request_id, user_id="u1")
    with pytest.raises(TooManyRequestsError):
        await access.ask()
    access.world.clock.advance(86401)
    assert (await access.ask()).status is RequestStatus.PENDING


async def test_a_shorter_time_may_be_approved_and_no_longer_one():
    access = await Access.build()
    request = await access.ask()
    for seconds in (0, -1, 3601):
        with pytest.raises(InvalidInputError):
            await access.approve(request, seconds=seconds)
    decided = await access.approve(request, seconds=60)
    (grant,) = await access.grants()
    assert grant.expires_at == access.world.clock.now() + timedelta(seconds=60)
    assert decided.valid_seconds == 60


async def test_nobody_approves_the_own_request_and_operators_approve_none():
    access = await Access.build()
    request = await access.ask()
    own = Administrator(admin_key_id="a2", name="alice", roles=(Role.ADMIN,), expires_at=None, user_id="u1")
    operator = Administrator(admin_key_id="a3", name="ops", roles=(Role.OPERATOR,), expires_at=None)
    for administrator in (own, operator):
        with pytest.raises(MissingRightError):
            await access.approve(request, by=Requester(administrator, ORIGIN))
    with pytest.raises(MissingRightError):
        await access.approve(request, by=ALICE)
    assert await access.grants() == []
    assert access.world.log.events[-1].outcome is Outcome.DENIED


async def test_a_request_waits_for_a_week():
    access = await Access.build()
    request = await access.ask()
    access.world.clock.advance(WAITS.total_seconds())
    await access.requests.expire()
    with pytest.raises(ConflictError):
        await access.approve(request)
    assert await access.grants() == []


async def test_another_grant_still_denies():
    access = await Access.build()
    denial = Grant(
        grant_id="no",
        group_id="g1",
        mcp_id="m1",
        patterns=("git.log",),
        effect=Effect.DENY,
        expires_at=None,
        created_at=access.world.clock.now(),
        created_by="root",
    )
    async with access.world.store.write() as work:
        await work.grants.add(denial)
    await access.approve(await access.ask())
    decision = decide(access.world.policy.snapshot, PRINCIPAL, LOG_TOOL, Moment(access.world.clock.now()))
    assert isinstance(decision, Deny)
    assert decision.reason is Reason.EXPLICIT_DENY
    assert access.permits("git.push")
