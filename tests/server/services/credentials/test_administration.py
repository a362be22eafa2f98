"""Administrators see who has given what and can delete it; a deactivated user keeps nothing."""

from dataclasses import replace

import pytest

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.dry_run import DryRunDone
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.catalog.credential_needs import OAUTH_FIELD, CredentialNeeds, OAuthNeeds
from ambassador_server.domain.people.credentials import CredentialStatus
from ambassador_server.domain.people.groups import Membership
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.domain.policy.grants import Effect
from ambassador_server.domain.shared.listing import Condition, Listing
from ambassador_server.errors import InvalidInputError, NotFoundError
from ambassador_server.ports.credentials import Credential
from ambassador_server.services.administration.users import Users, UserSpec
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.credentials.administration import CredentialAdministration
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.clock import START
from tests.server.services.credentials.world import HEADER, LendingWorld, mcp_with
from tests.server.services.world import ROOT
from tests.server.worlds import GRANT, GROUP

FIRST, SECOND = mcp_with(HEADER), mcp_with(HEADER, mcp_id="m2")
DRY = Requester(ROOT.administrator, ROOT.origin, dry_run=True)


async def build() -> tuple[LendingWorld, CredentialAdministration, FakeAuditLog, Users]:
    """Return a world in which u1 has given for both MCPs, u2 for the first, and u3 nothing."""
    world, log = await LendingWorld.build(FIRST, SECOND, users=3), FakeAuditLog()
    await world.give({"token": "secret-1"})
    await world.give({"token": "secret-2"}, mcp_id="m2")
    await world.give({"token": "secret-3"}, user_id="u2")
    changes = Changes(store=world.store, policy=world.policy, recorder=Recorder(log=log, clock=world.clock))
    administration = CredentialAdministration(
        store=world.store, policy=world.policy, changes=changes, clock=world.clock
    )
    return world, administration, log, Users(store=world.store, changes=changes, clock=world.clock)


async def left(world: LendingWorld) -> set[tuple[str, str]]:
    async with world.store.read() as work:
        found = await work.credentials.all()
        assert sum((await work.sealed.key_counts()).values()) == len(found)
    return {(each.user_id, each.mcp_id) for each in found}


@pytest.mark.parametrize(
    ("user", "mcp", "stay"),
    [
        ("user-1", "mcp-m1", {("u1", "m2"), ("u2", "m1")}),
        ("user-1", None, {("u2", "m1")}),
        (None, "mcp-m1", {("u1", "m2")}),
    ],
)
async def test_revoking_deletes_the_values_and_nothing_is_lent_any_more(
    user: str | None, mcp: str | None, stay: set[tuple[str, str]]
):
    world, administration, log, _ = await build()
    assert isinstance(await world.lending.for_("u1", FIRST), Credential)
    with pytest.raises(DryRunDone):
        await administration.revoke(DRY, user=user, mcp=mcp)
    assert len(await left(world)) == 3
    revoked = await administration.revoke(ROOT, user=user, mcp=mcp)
    assert await left(world) == stay
    assert len(log.events) == len(revoked) == 3 - len(stay)
    assert {each.action for each in log.events} == {AuditAction.CREDENTIAL_REVOKE}
    assert {each.details["because"] for each in log.events} == {"revoked"}
    assert not isinstance(await world.lending.for_("u1", FIRST), Credential)
    assert "secret-" not in repr(log.events)


async def test_revoking_what_is_not_there_is_said():
    _, administration, log, _ = await build()
    for user, mcp, message in (
        ("user-3", "mcp-m1", "no credential of 'user-3' for 'mcp-m1'"),
        ("user-3", None, "no credential of 'user-3'"),
        ("user-9", None, "No user 'user-9'; near: "),
        (None, "mcp-m9", "No MCP 'mcp-m9'; near: "),
    ):
        with pytest.raises(NotFoundError, match=message):
            await administration.revoke(ROOT, user=user, mcp=mcp)
    with pytest.raises(InvalidInputError, match="name at least one"):
        await administration.revoke(ROOT, user=None, mcp=None)
    assert not log.events


async def test_list_can_be_filtered():
    _, administration, _, _ = await build()
    for filters, expected in (
        (["user=user-1"], ["m1", "m2"]),
        (["mcp=mcp-m1"], ["m1", "m1"]),
        (["user=user-1", "mcp=mcp-m2"], ["m2"]),
        (["status=dead"], []),
    ):
        listing = Listing(conditions=tuple(map(Condition.parse, filters)))
        found = await administration.page(listing)
        assert sorted(each.mcp_id for each in found.items) == expected
    with pytest.raises(InvalidInputError, match="generation"):
        await administration.page(Listing(conditions=(Condition.parse("generation=x"),)))


async def test_overview_counts_the_users_who_may_use_an_mcp():
    oauth = replace(mcp_with(mcp_id="m3"), credentials=CredentialNeeds(oauth=OAuthNeeds()))
    world, administration, _, _ = await build()
    async with world.store.write() as work:
        await work.mcps.add(oauth)
        await work.mcps.add(mcp_with(mcp_id="m4"))
        await work.groups.add(GROUP)
        for user_id in ("u1", "u2", "u3"):
            await work.memberships.add(Membership(user_id=user_id, group_id="g1"))
        for mcp_id in ("m1", "m3"):
            await work.grants.add(replace(GRANT, grant_id=f"permit-{mcp_id}", mcp_id=mcp_id))
        await work.grants.add(replace(GRANT, grant_id="deny", mcp_id="m2", effect=Effect.DENY))
        await work.grants.add(replace(GRANT, grant_id="old", mcp_id="m2", expires_at=START))
    await world.give({OAUTH_FIELD: "{}"}, mcp_id="m3", status=CredentialStatus.DEAD)
    states = {
        each.mcp.mcp_id: (each.complete, each.missing, each.dead) for each in administration.overview(None)
    }
    assert states == {
        "m1": (("user-1", "user-2"), ("user-3",), ()),
        "m2": ((), (), ()),
        "m3": ((), ("user-2", "user-3"), ("user-1",)),
    }
    assert [each.mcp.mcp_id for each in administration.overview("mcp-m4")] == ["m4"]
    with pytest.raises(NotFoundError):
        administration.overview("mcp-m9")


async def test_deactivated_user_keeps_nothing_and_a_suspended_one_everything():
    world, _, log, users = await build()
    await users.update(ROOT, "user-1", UserSpec(status=UserStatus.SUSPENDED))
    assert len(await left(world)) == 3
    await users.update(ROOT, "user-1", UserSpec(status=UserStatus.DEACTIVATED))
    assert await left(world) == {("u2", "m1")}
    revoked = [each for each in log.events if each.action is AuditAction.CREDENTIAL_REVOKE]
    assert [each.details["because"] for each in revoked] == ["deactivated", "deactivated"]
