"""What users see and change of their own access: never beyond their grants, and only with the key in use."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from msgspec import structs

from ambassador_server.domain.audit.events import ActorKind, AuditAction, Outcome
from ambassador_server.domain.people.client_keys import KeyStatus
from ambassador_server.domain.people.new_keys import mint_client_key
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.domain.policy.decision import Deny, Reason
from ambassador_server.domain.policy.grants import CapabilityPatterns, Delivery, Effect
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.domain.secrets.tokens import PRESHARED_KEY_PREFIX, digest_key, visible_prefix
from ambassador_server.errors import (
    ConflictError,
    InvalidInputError,
    InvalidKeyError,
    NotFoundError,
    PolicyStaleError,
    StoppedError,
)
from ambassador_server.services.administration.client_keys import ClientKeys
from ambassador_server.services.administration.own_access import OwnAccess
from ambassador_server.services.administration.own_offers import OfferedMcp
from ambassador_server.services.administration.pattern_checks import PatternChecks
from ambassador_server.services.administration.subscriptions import Subscriptions
from ambassador_server.services.calls.capability_call import Answered
from ambassador_server.services.sign_in.sessions import Sessions
from tests.fakes.session_tokens import RememberedTokens
from tests.server.services.world import ORIGIN, ROOT, World
from tests.server.worlds import GRANT, KEY, PRINCIPAL, USER

DAY = timedelta(days=1)


PEPPER = b"p" * 32
SECRET = PRESHARED_KEY_PREFIX + "A" * 48
OWN_KEY = replace(KEY, digest=digest_key(SECRET, PEPPER), prefix=visible_prefix(SECRET, PRESHARED_KEY_PREFIX))


async def build(prolonged: timedelta | None = None) -> tuple[World, OwnAccess, Sessions]:
    world = await World.build()
    async with world.store.write() as work:
        await work.keys.replace(OWN_KEY)
    await world.policy.refresh()
    prover = world.prover(PEPPER)
    sessions = world.sessions(prover, RememberedTokens())
    own = OwnAccess(
        policy=world.policy,
        catalog=world.catalog,
        changes=world.changes,
        sessions=sessions,
        prover=prover,
        keys=ClientKeys(
            store=world.store,
            changes=world.changes,
            clock=world.clock,
            pepper=PEPPER,
            prolonged=prolonged,
        ),
        subscriptions=Subscriptions(
            store=world.store,
            changes=world.changes,
            patterns=PatternChecks(catalog=world.catalog, separator="__"),
            clock=world.clock,
        ),
    )
    return world, own, sessions


async def grant(world: World, **changes: object) -> None:
    async with world.store.write() as work:
        await work.grants.replace(replace(GRANT, **changes))
    await world.policy.refresh()


async def test_user_sees_their_name_and_groups():
    _, own, _ = await build()
    status = own.status(PRINCIPAL)
    assert (status.user.name, status.groups, status.key.name) == ("alice", ("developers",), "laptop")
    assert (status.tools, status.refused) == (3, None)


async def test_user_sees_that_nothing_is_permitted_and_why():
    world, own, _ = await build()
    await world.kill(SwitchScope.EVERYONE, None)
    assert (own.status(PRINCIPAL).tools, own.status(PRINCIPAL).refused) == (0, Reason.KILL_SWITCH)


async def test_rotated_keys_overlap_and_the_new_key_lasts_as_long_as_the_old_one():
    world, own, sessions = await build()
    rotated = await own.rotate(PRINCIPAL, ORIGIN, SECRET, overlap=DAY)
    assert rotated.old_ends_at == world.clock.now() + DAY
    session, _ = await sessions.open(rotated.secret, friendly_name="l", host_tool="cli", origin=ORIGIN)
    assert session.key_id == rotated.key.key_id
    event, *_ = world.log.events
    assert (event.action, event.actor.kind, event.actor.name) == (
        AuditAction.KEY_ROTATE,
        ActorKind.USER,
        "alice",
    )
    assert rotated.secret not in repr(world.log.events)


async def test_unused_replacement_is_revoked_by_the_next_rotation():
    world, own, _ = await build()
    lost = await own.rotate(PRINCIPAL, ORIGIN, SECRET, overlap=DAY)
    kept = await own.rotate(PRINCIPAL, ORIGIN, SECRET, overlap=DAY)
    statuses = {key_id: key.status for key_id, key in world.policy.snapshot.keys.items()}
    assert statuses[lost.key.key_id] is KeyStatus.REVOKED
    assert statuses[kept.key.key_id] is KeyStatus.ACTIVE


async def test_old_key_cannot_be_rotated_once_its_replacement_is_used():
    _, own, sessions = await build()
    rotated = await own.rotate(PRINCIPAL, ORIGIN, SECRET, overlap=DAY)
    await sessions.open(rotated.secret, friendly_name="l", host_tool="cli", origin=ORIGIN)
    with pytest.raises(ConflictError):
        await own.rotate(PRINCIPAL, ORIGIN, SECRET, overlap=DAY)


async def test_session_cannot_be_turned_into_a_key_without_the_key():
    world, own, _ = await build()
    other, secret = mint_client_key(PEPPER, world.clock.now(), user_id="u1", name="other", lifetime=None)
    async with world.changes.open(ROOT) as change:
        await change.work.keys.add(other)
    for number, wrong in enumerate(("", "amb_st_x", PRESHARED_KEY_PREFIX + "B" * 48, secret)):
        with pytest.raises(InvalidKeyError):
            await own.rotate(PRINCIPAL, Origin("r", f"192.0.2.{number}"), wrong, overlap=DAY)
        event = world.log.events[-1]
        assert (event.action, event.outcome) == (AuditAction.SESSION_REFUSE, Outcome.DENIED)
    assert len(world.policy.snapshot.keys) == 2


async def test_rotation_does_not_replace_a_suspended_replacement():
    world, own, _ = await build()
    rotated = await own.rotate(PRINCIPAL, ORIGIN, SECRET, overlap=DAY)
    suspended = replace(rotated.key, status=KeyStatus.SUSPENDED)
    async with world.changes.open(ROOT) as change:
        await change.work.keys.replace(suspended)
    with pytest.raises(ConflictError):
        await own.rotate(PRINCIPAL, ORIGIN, SECRET, overlap=DAY)
    assert world.policy.snapshot.keys[rotated.key.key_id].status is KeyStatus.SUSPENDED


@pytest.mark.parametrize("overlap", [timedelta(), timedelta(days=31)])
async def test_overlap_of_a_rotation_is_bounded(overlap: timedelta):
    _, own, _ = await build()
    with pytest.raises(InvalidInputError):
        await own.rotate(PRINCIPAL, ORIGIN, SECRET, overlap=overlap)


async def test_rotation_never_prolongs_the_old_key():
    world, own, _ = await build()
    ends = world.clock.now() + timedelta(hours=1)
    async with world.store.write() as work:
        await work.keys.replace(replace(OWN_KEY, expires_at=ends))
    await world.policy.refresh()
    assert (await own.rotate(PRINCIPAL, ORIGIN, SECRET, overlap=DAY)).old_ends_at == ends


async def limit_key(world: World, days: int) -> datetime:
    """Give the key an expiry, and return it."""
    ends = KEY.created_at + days * DAY
    async with world.store.write() as work:
        await work.keys.replace(replace(OWN_KEY, expires_at=ends))
    await world.policy.refresh()
    return ends


async def test_repeated_rotation_never_prolongs_a_key():
    world, own, sessions = await build()
    ends = await limit_key(world, 90)
    world.clock.advance(10 * DAY.total_seconds())
    await world.policy.refresh()
    lost = await own.rotate(PRINCIPAL, ORIGIN, SECRET, overlap=DAY)
    kept = await own.rotate(PRINCIPAL, ORIGIN, SECRET, overlap=DAY)
    assert lost.key.expires_at == kept.key.expires_at == ends
    session, _ = await sessions.open(kept.secret, friendly_name="l", host_tool="cli", origin=ORIGIN)
    next_one = structs.replace(PRINCIPAL, key_id=session.key_id, session_id=session.session_id)
    assert (await own.rotate(next_one, ORIGIN, kept.secret, overlap=DAY)).key.expires_at == ends


async def test_key_without_expiry_is_replaced_by_one_without_expiry():
    _, own, _ = await build(90 * DAY)
    assert (await own.rotate(PRINCIPAL, ORIGIN, SECRET, overlap=DAY)).key.expires_at is None


@pytest.mark.parametrize(("allowed", "expected"), [(365, 100), (95, 95), (60, 90)])
async def test_users_prolong_their_keys_within_their_limit(allowed: int, expected: int):
    world, own, _ = await build(allowed * DAY)
    await limit_key(world, 90)
    world.clock.advance(10 * DAY.total_seconds())
    await world.policy.refresh()
    rotated = await own.rotate(PRINCIPAL, ORIGIN, SECRET, overlap=DAY)
    assert rotated.key.expires_at == KEY.created_at + expected * DAY


async def test_repeated_rotation_ends_at_the_limit_of_the_first_key():
    world, own, _ = await build(100 * DAY)
    await limit_key(world, 30)
    principal, secret, ends = PRINCIPAL, SECRET, []
    for _ in range(6):
        world.clock.advance(20 * DAY.total_seconds())
        await world.policy.refresh()
        if not world.policy.snapshot.keys[principal.key_id].is_good(world.clock.now()):
            break
        rotated = await own.rotate(principal, ORIGIN, secret, overlap=DAY)
        principal, secret = structs.replace(principal, key_id=rotated.key.key_id), rotated.secret
        ends.append(rotated.key.expires_at)
    assert ends == [KEY.created_at + days * DAY for days in (50, 70, 90, 100)]


async def refuse_all(own: OwnAccess, kind: type[Exception]) -> None:
    """Assert that every change is refused."""
    with pytest.raises(kind):
        await own.rotate(PRINCIPAL, ORIGIN, SECRET, overlap=DAY)
    with pytest.raises(kind):
        await own.subscribe(PRINCIPAL, ORIGIN, "git", CapabilityPatterns(("*",)))
    with pytest.raises(kind):
        await own.unsubscribe(PRINCIPAL, ORIGIN, "git")


@pytest.mark.parametrize(
    ("scope", "target"),
    [(SwitchScope.EVERYONE, None), (SwitchScope.USER, "alice"), (SwitchScope.GROUP, "developers")],
)
async def test_kill_switch_stops_every_change(scope: SwitchScope, target: str | None):
    world, own, _ = await build()
    await world.kill(scope, target)
    await refuse_all(own, StoppedError)


async def test_suspended_user_changes_nothing():
    world, own, _ = await build()
    async with world.store.write() as work:
        await work.users.replace(replace(USER, status=UserStatus.SUSPENDED))
    await world.policy.refresh()
    await refuse_all(own, InvalidKeyError)


async def test_revoked_key_changes_nothing():
    world, own, _ = await build()
    async with world.store.write() as work:
        await work.keys.replace(replace(OWN_KEY, status=KeyStatus.REVOKED))
    await world.policy.refresh()
    await refuse_all(own, InvalidKeyError)


async def test_nothing_can_be_changed_while_the_policy_is_stale():
    world, own, _ = await build()
    world.clock.advance(60)
    await refuse_all(own, PolicyStaleError)


def reasons(offer: OfferedMcp) -> dict[str, Reason | None]:
    return {tool.entry.ref.name: tool.denial and tool.denial.reason for tool in offer.tools}


async def test_catalog_shows_granted_and_selected_tools():
    world, own, _ = await build()
    await grant(world, delivery=Delivery.OPT_IN, patterns=("git.log", "git.tag"))
    (offer,) = own.offers(PRINCIPAL)
    assert (offer.delivery, offer.subscription) == (Delivery.OPT_IN, None)
    assert reasons(offer) == {
        "git.log": Reason.NOT_SUBSCRIBED,
        "git.tag": Reason.NOT_SUBSCRIBED,
    }
    chosen = await own.subscribe(PRINCIPAL, ORIGIN, "git", CapabilityPatterns(("log",)))
    assert reasons(chosen.offer) == {
        "git.log": None,
        "git.tag": Reason.NOT_SELECTED,
    }


@pytest.mark.parametrize("delivery", list(Delivery))
async def test_subscription_never_adds_to_the_grants(delivery: Delivery):
    world, own, _ = await build()
    await grant(world, delivery=delivery, patterns=("git.log",))
    await own.subscribe(
        PRINCIPAL,
        ORIGIN,
        "git",
        CapabilityPatterns(
            (
                "*",
                "git.*",
                "push",
                "tag",
            )
        ),
        allow_unmatched=True,
    )
    assert isinstance(await world.call("git__log"), Answered)
    for tool in ("git__push", "git__tag"):
        assert isinstance(await world.call(tool), Deny)
    assert [entry.ref.name for entry in world.catalog.visible(PRINCIPAL)] == ["git.log"]


async def test_unmatched_pattern_is_refused_without_a_word_about_hidden_tools():
    world, own, _ = await build()
    await grant(world, patterns=("git.log",))
    for pattern, near in (("lgo", "log"), ("push", "")):
        with pytest.raises(InvalidInputError) as refused:
            await own.subscribe(PRINCIPAL, ORIGIN, "git", CapabilityPatterns((pattern,)))
        said = refused.value.message
        assert said.startswith(f"'{pattern}' matches no tool of MCP 'git' today")
        assert ("log" in said) == bool(near)
        assert "tag" not in said
    written = await own.subscribe(
        PRINCIPAL, ORIGIN, "git", CapabilityPatterns(("push",)), allow_unmatched=True
    )
    assert len(written.warnings) == 1
    assert (
        await own.subscribe(
            PRINCIPAL,
            ORIGIN,
            "git",
            CapabilityPatterns(
                (
                    "push",
                    "log",
                )
            ),
        )
    ).warnings == ()


@pytest.mark.parametrize(
    "changes", [{"group_id": "g2"}, {"effect": Effect.DENY}, {"patterns": ("git.none",)}]
)
async def test_mcp_without_a_grant_is_reported_as_not_found(changes: dict[str, object]):
    world, own, _ = await build()
    if "group_id" in changes:
        async with world.store.write() as work:
            await work.grants.remove(GRANT.grant_id)
        await world.policy.refresh()
    else:
        await grant(world, **changes)
    assert own.offers(PRINCIPAL) == []
    for name in ("git", "nothing"):
        with pytest.raises(NotFoundError, match=f"No MCP '{name}' is granted to you"):
            await own.subscribe(PRINCIPAL, ORIGIN, name, CapabilityPatterns(("*",)))
        with pytest.raises(NotFoundError, match=f"No MCP '{name}' is granted to you"):
            await own.unsubscribe(PRINCIPAL, ORIGIN, name)


async def test_mcp_without_known_tools_is_offered_unless_everything_is_denied():
    world, own, _ = await build()
    world.downstreams.script("git")
    world.downstreams.apply(world.policy.snapshot.mcps.values())
    assert world.catalog.index().tools == ()
    assert [offer.mcp.name for offer in own.offers(PRINCIPAL)] == ["git"]
    async with world.store.write() as work:
        await work.grants.add(replace(GRANT, grant_id="no", effect=Effect.DENY))
    await world.policy.refresh()
    assert own.offers(PRINCIPAL) == []


async def test_selection_of_a_key_does_not_affect_other_keys():
    world, own, _ = await build()
    await own.subscribe(PRINCIPAL, ORIGIN, "git", CapabilityPatterns(("log",)))
    async with world.store.write() as work:
        await work.keys.add(replace(KEY, key_id="k2", name="desk"))
    await world.policy.refresh()
    other = Principal(user_id="u1", user_name="alice", key_id="k2", key_name="desk", session_id=None)
    assert own.status(other).tools == 3
    with pytest.raises(NotFoundError):
        await own.unsubscribe(other, ORIGIN, "git")
    assert own.status(PRINCIPAL).tools == 1
