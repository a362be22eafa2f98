"""Users give, replace and remove their own values; nothing tells a value, and nothing reaches beyond their grants."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from ambassador_server.domain.audit.actors import Requester, user_actor
from ambassador_server.domain.audit.events import AuditAction, Outcome
from ambassador_server.domain.catalog.credential_needs import OAUTH_FIELD, CredentialField, Place
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.errors import (
    AuditUnavailableError,
    InvalidInputError,
    InvalidKeyError,
    NotFoundError,
    VaultKeyMissingError,
)
from ambassador_server.ports.credentials import Credential
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.credentials.completeness import Completeness
from ambassador_server.services.credentials.own_credentials import OwnCredentials
from tests.fakes.audit_log import FakeAuditLog
from tests.server.services.credentials.world import ENVIRONMENT, HEADER, LendingWorld, mcp_with
from tests.server.services.world import ORIGIN

ALICE = Principal(user_id="u1", user_name="user-1", key_id="k1", key_name="laptop", session_id=None)
BOB = Principal(user_id="u2", user_name="user-2", key_id="k2", key_name="laptop", session_id=None)
SHARED = replace(HEADER, name="team", target="X-Team", reference="env://TEAM")


@dataclass
class Rights:
    """Grants the named MCPs to everyone."""

    world: LendingWorld
    granted: Sequence[str]

    def granted_mcps(self, principal: Principal) -> list[Mcp]:
        return [mcp for mcp in self.world.policy.snapshot.mcps.values() if mcp.name in self.granted]

    async def requester(self, principal: Principal, origin: Origin) -> Requester:
        return Requester(None, origin, user_actor(principal))


async def build(*mcps: Mcp) -> tuple[LendingWorld, OwnCredentials, FakeAuditLog, Rights]:
    world, log = await LendingWorld.build(*mcps, users=2), FakeAuditLog()
    rights = Rights(world, [mcp.name for mcp in mcps])
    recorder = Recorder(log=log, clock=world.clock)
    own = OwnCredentials(
        policy=world.policy,
        changes=Changes(store=world.store, policy=world.policy, recorder=recorder),
        vault=world.vault,
        rights=rights,
        clock=world.clock,
    )
    return world, own, log, rights


async def lent(world: LendingWorld, mcp: Mcp, user_id: str = "u1") -> tuple[str, ...] | None:
    found = await world.lending.for_(user_id, mcp)
    return found.secrets if isinstance(found, Credential) else None


async def test_value_that_is_set_is_lent_and_told_by_its_field_alone():
    mcp = mcp_with(HEADER, ENVIRONMENT)
    world, own, log, _ = await build(mcp)
    first = await own.set(ALICE, ORIGIN, mcp.name, {"token": "secret-1"})
    assert (first.completeness, first.missing and first.missing.fields) == (Completeness.MISSING, ("key",))
    await own.set(ALICE, ORIGIN, mcp.name, {"key": "secret-2"})
    assert await lent(world, mcp) == ("secret-1", "secret-2")
    assert await lent(world, mcp, "u2") is None
    assert own.one(ALICE, mcp.name).completeness is Completeness.COMPLETE
    assert own.one(BOB, mcp.name).given is None
    events = [(each.action, each.outcome, each.details["fields"]) for each in log.events]
    assert events == [
        (AuditAction.CREDENTIAL_SET, Outcome.SUCCEEDED, ["token"]),
        (AuditAction.CREDENTIAL_SET, Outcome.SUCCEEDED, ["key"]),
    ]
    assert log.events[0].actor.name == "user-1"
    assert "secret-" not in repr((log.events, own.all(ALICE)))


async def test_stored_value_changes_nothing_and_another_one_is_a_new_generation():
    world, own, log, _ = await build(mcp := mcp_with(HEADER))
    first = await own.set(ALICE, ORIGIN, mcp.name, {"token": "a"})
    again = await own.set(ALICE, ORIGIN, mcp.name, {"token": "a"})
    assert again.given == first.given
    assert len(log.events) == 1
    other = await own.set(ALICE, ORIGIN, mcp.name, {"token": "b"})
    assert first.given
    assert other.given
    assert other.given.generation != first.given.generation
    assert other.given.created_at == first.given.created_at
    assert await lent(world, mcp) == ("b",)


async def test_same_value_is_given_again_for_another_address():
    mcp = replace(mcp_with(HEADER), transport="streamable_http", options={"url": "https://here.example/mcp"})
    world, own, _, _ = await build(mcp)
    await own.set(ALICE, ORIGIN, mcp.name, {"token": "a"})
    assert await lent(world, mcp) == ("a",)
    moved = replace(mcp, options={"url": "https://elsewhere.example/mcp"})
    async with world.store.write() as work:
        await work.mcps.replace(moved)
    await world.policy.refresh()
    assert await lent(world, moved) is None
    await own.set(ALICE, ORIGIN, mcp.name, {"token": "a"})
    assert await lent(world, moved) == ("a",)


async def test_version_of_a_value_rises_and_never_comes_back():
    world, own, _, _ = await build(mcp := mcp_with(HEADER, ENVIRONMENT))

    async def version(token: str) -> int:
        changed = await own.set(ALICE, ORIGIN, mcp.name, {"token": token})
        assert changed.given
        async with world.store.read() as work:
            stored = await work.secrets.get(changed.given.credential_id, "token")
        assert stored
        return stored.version

    await own.set(ALICE, ORIGIN, mcp.name, {"key": "k"})
    first = await version("a")
    assert await version("b") == first + 1
    await own.remove(ALICE, ORIGIN, mcp.name, "token")
    assert await version("a") not in (first, first + 1)


async def test_value_that_cannot_be_opened_any_more_is_replaced_by_the_same_value():
    world, own, _, _ = await build(mcp := mcp_with(HEADER))
    await own.set(ALICE, ORIGIN, mcp.name, {"token": "a"})
    world.keys.clear()
    world.keys[2] = b"n" * 32
    assert world.vault.newest == 2
    assert await lent(world, mcp) is None
    await own.set(ALICE, ORIGIN, mcp.name, {"token": "a"})
    assert await lent(world, mcp) == ("a",)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "at least one field"),
        ({"tokn": "x"}, "no field 'tokn'; near: 'token'"),
        ({"zzz": "x"}, "no field 'zzz'; it has token, key"),
        ({"team": "x"}, "team: your administrators give this value"),
        ({OAUTH_FIELD: "x"}, "no field 'oauth'"),
        ({"token": ""}, "token: a value cannot be empty"),
        ({"token": "two\r\nX-Evil: 1"}, "token: the value of a header has no control characters"),
        ({"token": " x"}, "no spaces around it"),
        ({"token": "x" * 8193}, "token: at most 8192 bytes"),
        ({"key": "nul\0"}, "key: a value cannot hold a NUL"),
        ({"key": "x" * 65537}, "key: at most 65536 bytes"),
        ({"key": "\ud800"}, "key: not valid text"),
        ({"token": "good", "key": ""}, "key: a value cannot be empty"),
    ],
)
async def test_wrong_values_are_refused_as_a_whole_without_telling_them(values: dict[str, str], message: str):
    world, own, log, _ = await build(mcp := mcp_with(HEADER, ENVIRONMENT, SHARED))
    with pytest.raises(InvalidInputError, match=message) as caught:
        await own.set(ALICE, ORIGIN, mcp.name, values)
    assert "Evil" not in caught.value.message
    assert own.one(ALICE, mcp.name).given is None
    assert not log.events
    assert not world.policy.snapshot.credentials


async def test_only_what_is_granted_can_be_given_and_a_leftover_can_still_be_removed():
    needed, other, plain = mcp_with(HEADER), mcp_with(HEADER, mcp_id="m2"), mcp_with(mcp_id="m3")
    world, own, log, rights = await build(needed, other, plain)
    await own.set(ALICE, ORIGIN, needed.name, {"token": "a"})
    rights.granted = [plain.name]
    assert [(each.mcp.name, each.is_granted) for each in own.all(ALICE)] == [(needed.name, False)]
    assert own.all(BOB) == []
    with pytest.raises(NotFoundError, match="not granted to you any more"):
        await own.set(ALICE, ORIGIN, needed.name, {"token": "b"})
    for name in (other.name, "mcp-m9"):
        with pytest.raises(NotFoundError, match=f"No MCP '{name}' is granted to you; near: 'mcp-m1'"):
            own.one(ALICE, name)
    with pytest.raises(NotFoundError, match="needs no credential of yours"):
        own.one(ALICE, plain.name)
    await own.remove(ALICE, ORIGIN, needed.name)
    assert own.all(ALICE) == []
    assert await lent(world, needed) is None
    assert log.events[-1].action is AuditAction.CREDENTIAL_REMOVE


async def test_one_value_is_removed_or_all_and_access_by_oauth_stays():
    mcp = mcp_with(HEADER, ENVIRONMENT, CredentialField(name="more", place=Place.QUERY, target="m"))
    world, own, log, _ = await build(mcp)
    await world.give({"token": "a", "key": "b", "more": "c", OAUTH_FIELD: "{}"})
    with pytest.raises(NotFoundError, match="no value 'tokn'; near: 'token'"):
        await own.remove(ALICE, ORIGIN, mcp.name, "tokn")
    with pytest.raises(NotFoundError, match="no value 'oauth'"):
        await own.remove(ALICE, ORIGIN, mcp.name, OAUTH_FIELD)
    await own.remove(ALICE, ORIGIN, mcp.name, "token")
    with pytest.raises(NotFoundError, match="given no value for 'token'"):
        await own.remove(ALICE, ORIGIN, mcp.name, "token")
    await own.remove(ALICE, ORIGIN, mcp.name)
    left = own.one(ALICE, mcp.name).given
    assert left
    assert left.fields == (OAUTH_FIELD,)
    async with world.store.read() as work:
        assert [each.field for each in await work.secrets.of(left.credential_id)] == [OAUTH_FIELD]
    assert [each.details["fields"] for each in log.events] == [["token"], ["key", "more"]]
    with pytest.raises(NotFoundError, match="given no value"):
        await own.remove(ALICE, ORIGIN, mcp.name)


async def test_change_that_cannot_be_recorded_does_not_happen():
    world, own, log, _ = await build(mcp := mcp_with(HEADER))
    log.break_down()
    with pytest.raises(AuditUnavailableError):
        await own.set(ALICE, ORIGIN, mcp.name, {"token": "a"})
    async with world.store.read() as work:
        assert await work.credentials.all() == []
        assert await work.sealed.key_counts() == {}


async def test_nothing_is_stored_without_a_master_key():
    world, own, log, _ = await build(mcp := mcp_with(HEADER))
    world.keys.clear()
    with pytest.raises(VaultKeyMissingError):
        await own.set(ALICE, ORIGIN, mcp.name, {"token": "a"})
    async with world.store.read() as work:
        assert await work.credentials.all() == []
    assert not log.events


async def test_user_who_was_deactivated_meanwhile_stores_nothing():
    world, own, _, _ = await build(mcp := mcp_with(HEADER))
    async with world.store.write() as work:
        user = await work.users.get("u1")
        assert user
        await work.users.replace(replace(user, status=UserStatus.DEACTIVATED))
    with pytest.raises(InvalidKeyError):
        await own.set(ALICE, ORIGIN, mcp.name, {"token": "a"})


async def test_what_the_mcp_needs_now_counts_not_what_the_policy_in_memory_says():
    world, own, _, _ = await build(mcp := mcp_with(HEADER))
    async with world.store.write() as work:
        await work.mcps.replace(mcp_with(ENVIRONMENT))
    with pytest.raises(InvalidInputError, match="no field 'token'"):
        await own.set(ALICE, ORIGIN, mcp.name, {"token": "a"})
    assert (await own.set(ALICE, ORIGIN, mcp.name, {"key": "a"})).missing is None
