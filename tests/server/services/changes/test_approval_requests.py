"""Requests that another person decides: who may decide them, how often an approval serves, and how many may wait."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Self

import pytest

from ambassador_server.domain.audit.actors import Requester, user_actor
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.people.administrators import Administrator, AdminKey, Role
from ambassador_server.domain.people.groups import Group, GroupStatus, Membership
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.people.users import User, UserStatus
from ambassador_server.domain.policy.approval_requests import ApprovalRequest, RequestKind, RequestStatus
from ambassador_server.domain.policy.approval_rules import ApprovalRule
from ambassador_server.errors import (
    AuditUnavailableError,
    ConflictError,
    InvalidKeyError,
    MissingRightError,
    NotFoundError,
)
from ambassador_server.services.changes.approval_requests import (
    MOST_PENDING_OF_USER,
    ApprovalRequests,
    TooManyRequestsError,
    Wanted,
)
from ambassador_server.services.changes.audited_change import Change
from tests.server.services.world import ORIGIN, ROOT, World
from tests.server.worlds import GROUP, PRINCIPAL, USER

ALICE = Requester(None, ORIGIN, user_actor(PRINCIPAL))
BOB = Requester(
    None,
    ORIGIN,
    user_actor(Principal(user_id="u2", user_name="bob", key_id="k2", key_name="desk", session_id="s2")),
)
RULE = ApprovalRule(600)


def administrator(user: str | None = None, key: str = "a1", role: Role = Role.ADMIN) -> Requester:
    """Return an administrator, with the account of a user or with an admin key."""
    return Requester(
        Administrator(admin_key_id=key, name="root", roles=(role,), expires_at=None, user_id=user), ORIGIN
    )


def wanted(**changes: Any) -> Wanted:
    """Return what alice asks for."""
    values: dict[str, Any] = {
        "kind": RequestKind.CALL,
        "user_id": "u1",
        "mcp_id": "m1",
        "rule": RULE,
        "content": {},
        "digest": "d",
        "basis": "b",
        "key_id": "k1",
        "capability": "git.push",
    }
    return Wanted(**values | changes)


@dataclass
class Requests:
    """The service over fakes, with a second user, bob, in the group of approvers."""

    world: World
    service: ApprovalRequests

    @classmethod
    async def build(cls) -> Self:
        world = await World.build()
        bob = replace(USER, user_id="u2", name="bob")
        async with world.store.write() as work:
            await work.users.add(bob)
            await work.groups.add(replace(GROUP, group_id="g2", name="approvers"))
            await work.memberships.add(Membership(user_id="u2", group_id="g2"))
        service = ApprovalRequests(store=world.store, changes=world.changes, clock=world.clock)
        return cls(world, service)

    async def ask(self, **changes: Any) -> ApprovalRequest:
        return await self.service.ask(ALICE, wanted(**changes))

    async def approved(self, **changes: Any) -> ApprovalRequest:
        request = await self.ask(**changes)
        return await self.service.decide(ROOT, request.request_id, approve=True, reason=None)

    async def change_user(self, **changes: Any) -> None:
        async with self.world.store.write() as work:
            bob = await work.users.get("u2")
            assert isinstance(bob, User)
            await work.users.replace(replace(bob, **changes))

    async def change_group(self, **changes: Any) -> None:
        async with self.world.store.write() as work:
            group = await work.groups.get("g2")
            assert isinstance(group, Group)
            await work.groups.replace(replace(group, **changes))

    def actions(self) -> list[AuditAction]:
        return [event.action for event in self.world.log.events]


@pytest.fixture
async def requests() -> Requests:
    return await Requests.build()


async def test_approval_serves_once_and_each_step_is_recorded(requests: Requests):
    approved = await requests.approved()
    assert await requests.service.use(ALICE, approved) is not None
    assert await requests.service.use(ALICE, approved) is None
    assert requests.actions() == [
        AuditAction.REQUEST_ASK,
        AuditAction.REQUEST_APPROVE,
        AuditAction.REQUEST_USE,
    ]
    asked, decided, used = requests.world.log.events
    assert (asked.actor.name, decided.actor.name, used.actor.name) == ("alice", "root", "alice")
    assert {event.resource.id for event in (asked, decided, used)} == {approved.request_id}
    assert decided.details["user"] == "alice"


async def test_of_many_uses_at_once_one_succeeds(requests: Requests):
    approved = await requests.approved()
    uses = await asyncio.gather(*(requests.service.use(ALICE, approved) for _ in range(10)))
    assert sum(use is not None for use in uses) == 1


async def test_same_call_finds_the_request_that_waits(requests: Requests):
    first, again = await requests.ask(), await requests.ask()
    assert again == first
    assert await requests.service.find(wanted()) == first
    assert requests.actions() == [AuditAction.REQUEST_ASK]


@pytest.mark.parametrize(
    "other",
    [{"digest": "e"}, {"basis": "c"}, {"key_id": "k9"}, {"user_id": "u2"}, {"kind": RequestKind.ACCESS}],
)
async def test_approval_is_found_for_nothing_else(requests: Requests, other: dict[str, Any]):
    await requests.approved()
    assert await requests.service.find(wanted(**other)) is None


async def test_approval_expires(requests: Requests):
    approved = await requests.approved()
    requests.world.clock.advance(599)
    assert await requests.service.find(wanted()) == approved
    requests.world.clock.advance(1)
    assert await requests.service.find(wanted()) is None
    assert await requests.service.use(ALICE, approved) is None


async def test_approval_is_good_from_the_decision_on(requests: Requests):
    request = await requests.ask()
    requests.world.clock.advance(3599)
    approved = await requests.service.decide(ROOT, request.request_id, approve=True, reason=None)
    assert approved.expires_at == requests.world.clock.now() + timedelta(seconds=600)


async def test_request_that_nobody_decides_expires_and_is_recorded_once(requests: Requests):
    request = await requests.ask()
    requests.world.clock.advance(3600)
    with pytest.raises(ConflictError, match="is expired already"):
        await requests.service.decide(ROOT, request.request_id, approve=True, reason=None)
    await requests.service.expire()
    await requests.service.expire()
    assert requests.actions() == [AuditAction.REQUEST_ASK, AuditAction.REQUEST_EXPIRE]
    found = await requests.service.get(request.request_id)
    assert found is not None
    assert found.status is RequestStatus.EXPIRED


async def test_denied_call_is_not_asked_for_again_for_ten_minutes(requests: Requests):
    request = await requests.ask()
    denied = await requests.service.decide(ROOT, request.request_id, approve=False, reason=" no ")
    assert (denied.status, denied.decision_reason) == (RequestStatus.DENIED, "no")
    assert await requests.ask() == denied
    requests.world.clock.advance(601)
    assert (await requests.ask()).status is RequestStatus.PENDING


async def test_decided_request_is_not_decided_again(requests: Requests):
    approved = await requests.approved()
    with pytest.raises(ConflictError, match="is approved by root already"):
        await requests.service.decide(ROOT, approved.request_id, approve=False, reason=None)


async def test_unknown_request_is_not_found(requests: Requests):
    with pytest.raises(NotFoundError, match="No request 'x'"):
        await requests.service.decide(ROOT, "x", approve=True, reason=None)


async def test_user_cancels_own_requests_only(requests: Requests):
    request = await requests.ask()
    with pytest.raises(NotFoundError):
        await requests.service.cancel(BOB, request.request_id, user_id="u2")
    cancelled = await requests.service.cancel(ALICE, request.request_id, user_id="u1")
    assert cancelled.status is RequestStatus.CANCELLED
    with pytest.raises(ConflictError, match="is cancelled already"):
        await requests.service.cancel(ALICE, request.request_id, user_id="u1")


async def test_approved_request_that_is_cancelled_serves_no_call(requests: Requests):
    approved = await requests.approved()
    await requests.service.cancel(ALICE, approved.request_id, user_id="u1")
    assert await requests.service.use(ALICE, approved) is None


async def test_number_of_waiting_requests_of_a_user_is_bounded(requests: Requests):
    for number in range(MOST_PENDING_OF_USER):
        await requests.ask(digest=str(number))
    with pytest.raises(TooManyRequestsError):
        await requests.ask(digest="one more")
    assert (await requests.ask(digest="0")).status is RequestStatus.PENDING
    requests.world.clock.advance(3600)
    assert (await requests.ask(digest="one more")).status is RequestStatus.PENDING


async def test_administrator_decides_without_a_group_of_approvers(requests: Requests):
    request = await requests.ask()
    for refused in (administrator(role=Role.AUDITOR), administrator(role=Role.OPERATOR), BOB):
        with pytest.raises(MissingRightError):
            await requests.service.decide(refused, request.request_id, approve=True, reason=None)
    assert requests.actions()[1:] == [AuditAction.ADMIN_REFUSE] * 3
    await requests.service.decide(administrator("u2"), request.request_id, approve=True, reason=None)


async def test_members_of_the_group_decide_and_no_administrator_who_is_none(requests: Requests):
    request = await requests.ask(rule=ApprovalRule(600, "g2"))
    for refused in (administrator(), administrator("u9")):
        with pytest.raises(MissingRightError, match="Only members of group 'approvers'"):
            await requests.service.decide(refused, request.request_id, approve=True, reason=None)
    approved = await requests.service.decide(BOB, request.request_id, approve=True, reason=None)
    assert approved.decided_by == "bob"


async def test_member_who_is_an_administrator_decides(requests: Requests):
    request = await requests.ask(rule=ApprovalRule(600, "g2"))
    await requests.service.decide(administrator("u2"), request.request_id, approve=True, reason=None)


async def test_suspended_user_or_group_decides_nothing(requests: Requests):
    request = await requests.ask(rule=ApprovalRule(600, "g2"))
    await requests.change_user(status=UserStatus.SUSPENDED)
    with pytest.raises(MissingRightError):
        await requests.service.decide(BOB, request.request_id, approve=True, reason=None)
    await requests.change_user(status=UserStatus.ACTIVE)
    await requests.change_group(status=GroupStatus.SUSPENDED)
    with pytest.raises(MissingRightError):
        await requests.service.decide(BOB, request.request_id, approve=True, reason=None)


async def test_own_request_is_never_decided_by_who_asked(requests: Requests):
    async with requests.world.store.write() as work:
        await work.memberships.add(Membership(user_id="u1", group_id="g2"))
    plain, grouped = await requests.ask(), await requests.ask(digest="e", rule=ApprovalRule(600, "g2"))
    for request in (plain, grouped):
        for oneself in (ALICE, administrator("u1")):
            with pytest.raises(MissingRightError, match="This is your own request"):
                await requests.service.decide(oneself, request.request_id, approve=True, reason=None)


async def test_admin_key_that_the_user_has_made_decides_none_of_their_requests(requests: Requests):
    def key(number: int, created_by: str) -> AdminKey:
        return AdminKey(
            admin_key_id=f"a{number}",
            name=f"ci-{number}",
            prefix="abcdefgh",
            digest=b"d" * 32,
            roles=(Role.ADMIN,),
            created_at=requests.world.clock.now(),
            expires_at=None,
            revoked_at=None,
            created_by=created_by,
        )

    async with requests.world.store.write() as work:
        await work.admin_keys.add(key(1, "alice"))
        await work.admin_keys.add(key(2, "ci-1"))
        await work.admin_keys.add(key(3, "bob"))
    request = await requests.ask()
    for own in ("a1", "a2"):
        with pytest.raises(MissingRightError, match="This is your own request"):
            await requests.service.decide(
                administrator(key=own), request.request_id, approve=True, reason=None
            )
    await requests.service.decide(administrator(key="a3"), request.request_id, approve=True, reason=None)


async def test_decision_that_cannot_be_recorded_is_not_made(requests: Requests):
    request = await requests.ask()
    requests.world.log.break_down()
    with pytest.raises(AuditUnavailableError):
        await requests.service.decide(ROOT, request.request_id, approve=True, reason=None)
    assert (await requests.service.get(request.request_id)) == request


async def test_use_that_cannot_be_recorded_is_not_made(requests: Requests):
    approved = await requests.approved()
    requests.world.log.break_down()
    with pytest.raises(AuditUnavailableError):
        await requests.service.use(ALICE, approved)
    requests.world.log.mend()
    assert await requests.service.use(ALICE, approved) is not None


async def test_approval_carries_out_what_its_kind_needs_in_the_same_change(requests: Requests):
    async def give(change: Change, requester: Requester, request: ApprovalRequest) -> ApprovalRequest:
        return replace(request.used(requests.world.clock.now()), grant_id="new")

    async def fail(change: Change, requester: Requester, request: ApprovalRequest) -> ApprovalRequest:
        raise ConflictError("not now")

    request = await requests.ask(kind=RequestKind.ACCESS)
    requests.service.on_approval[RequestKind.ACCESS] = fail
    with pytest.raises(ConflictError, match="not now"):
        await requests.service.decide(ROOT, request.request_id, approve=True, reason=None)
    assert await requests.service.get(request.request_id) == request
    requests.service.on_approval[RequestKind.ACCESS] = give
    given = await requests.service.decide(ROOT, request.request_id, approve=True, reason=None)
    assert (given.status, given.grant_id) == (RequestStatus.USED, "new")
    assert await requests.service.get(request.request_id) == given


async def test_round_of_a_used_approval_is_taken_once(requests: Requests):
    used = await requests.service.use(ALICE, await requests.approved())
    assert used is not None
    second = await requests.service.use_again(ALICE, used)
    assert second is not None
    assert await requests.service.use_again(ALICE, used) is None
    assert await requests.service.use_again(ALICE, second) is not None


async def test_every_move_is_told(requests: Requests):
    moved: list[str] = []
    requests.service.on_move.append(moved.append)
    approved = await requests.approved()
    await requests.service.use(ALICE, approved)
    assert moved == [approved.request_id] * 3


async def test_a_user_who_was_stopped_meanwhile_asks_for_nothing():
    """The server that is asked may not have read that yet, so the request would outlast its user."""
    requests = await Requests.build()
    async with requests.world.store.write() as work:
        await work.users.replace(replace(USER, status=UserStatus.DEACTIVATED))
    with pytest.raises(InvalidKeyError):
        await requests.ask()
    async with requests.world.store.read() as work:
        assert await work.requests.of(user_id="u1") == []
