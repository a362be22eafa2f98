"""Sessions: one for each process, opened with a key, used with a token, ended permanently."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ambassador_server.domain.audit.events import AuditAction, AuditEvent
from ambassador_server.domain.people.client_keys import KeyStatus
from ambassador_server.domain.people.principals import Origin
from ambassador_server.domain.people.sessions import Session, SessionBounds
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.domain.secrets.tokens import PRESHARED_KEY_PREFIX, digest_key, mint_key, visible_prefix
from ambassador_server.domain.shared.listing import Listing
from ambassador_server.errors import (
    AuditUnavailableError,
    ConflictError,
    InvalidKeyError,
    NotAuthenticatedError,
    NotFoundError,
    RateLimitedError,
    StoppedError,
)
from ambassador_server.services.administration.session_control import SessionControl
from ambassador_server.services.sign_in.sessions import Sessions
from tests.fakes.session_tokens import RememberedTokens
from tests.fakes.throttle import CountingThrottle
from tests.server.services.world import ORIGIN, ROOT, World
from tests.server.worlds import KEY, USER

PEPPER = b"p" * 32
TOKENS = RememberedTokens()
SECRET = mint_key(PRESHARED_KEY_PREFIX)
BOUNDS = SessionBounds(idle=timedelta(hours=8), lifetime=timedelta(hours=24), per_key=3)


async def build() -> tuple[World, Sessions]:
    world = await World.build()
    await change(
        world,
        key=replace(
            KEY, prefix=visible_prefix(SECRET, PRESHARED_KEY_PREFIX), digest=digest_key(SECRET, PEPPER)
        ),
    )
    return world, sessions_of(world)


def sessions_of(world: World) -> Sessions:
    throttle = CountingThrottle()
    return world.sessions(world.prover(PEPPER, throttle), TOKENS, bounds=BOUNDS, throttle=throttle)


async def change(world: World, **items: Any) -> None:
    async with world.changes.open(ROOT) as opened:
        for noun, item in items.items():
            await getattr(opened.work, f"{noun}s").replace(item)


async def open_session(
    sessions: Sessions, key: str = SECRET, address: str = "127.0.0.1"
) -> tuple[Session, str]:
    return await sessions.open(
        key, friendly_name="laptop", host_tool="vscode", origin=Origin("request-1", address)
    )


async def test_a_token_proves_its_principal():
    _, sessions = await build()
    session, token = await open_session(sessions)
    principal = await sessions.authenticate(token, ORIGIN)
    assert (principal.user_name, principal.key_id, principal.session_id) == (
        "alice",
        "k1",
        session.session_id,
    )


async def test_a_power_cut_may_lose_sessions_but_no_change_by_an_administrator():
    world, sessions = await build()
    switch_id = await world.kill(SwitchScope.MCP, "git")
    _, token = await open_session(sessions)
    world.store.power_cut()
    async with world.store.read() as work:
        assert await work.switches.get(switch_id) is not None
        assert await work.sessions.all() == []
    with pytest.raises(NotAuthenticatedError):
        await sessions_of(world).authenticate(token, ORIGIN)


async def test_a_session_revoked_before_a_power_cut_stays_revoked():
    world, sessions = await build()
    session, token = await open_session(sessions)
    await SessionControl(
        store=world.store, changes=world.changes, sessions=sessions, clock=world.clock
    ).revoke(ROOT, session.session_id)
    world.store.power_cut()
    with pytest.raises(NotAuthenticatedError):
        await sessions_of(world).authenticate(token, ORIGIN)


async def test_two_processes_with_one_key_have_separate_sessions():
    _, sessions = await build()
    (first, first_token), (second, second_token) = await open_session(sessions), await open_session(sessions)
    assert first.session_id != second.session_id
    await sessions.close(await sessions.authenticate(first_token, ORIGIN), first.connection_id, ORIGIN)
    with pytest.raises(NotAuthenticatedError):
        await sessions.authenticate(first_token, ORIGIN)
    assert (await sessions.authenticate(second_token, ORIGIN)).session_id == second.session_id


async def test_a_key_with_too_many_sessions_keeps_the_most_recently_used():
    world, sessions = await build()
    opened = []
    for _ in range(3):
        opened.append(await open_session(sessions))
        world.clock.advance(60)
    await sessions.heartbeat(await sessions.authenticate(opened[0][1], ORIGIN), ORIGIN)
    opened.append(await open_session(sessions))
    for number in (0, 2, 3):
        assert (await sessions.authenticate(opened[number][1], ORIGIN)).user_name == "alice"
    for held in (sessions, sessions_of(world)):
        with pytest.raises(NotAuthenticatedError):
            await held.authenticate(opened[1][1], ORIGIN)
    async with world.store.read() as work:
        assert len(await work.sessions.open_sessions(world.clock.now())) == 3
    (closed,) = [event for event in world.log.events if event.action is AuditAction.SESSION_CLOSE]
    assert (closed.resource.id, closed.details) == (
        opened[1][0].session_id,
        {"reason": "too many sessions of this key"},
    )


async def test_simultaneous_registrations_respect_the_limit():
    world, sessions = await build()
    opened = await asyncio.gather(*(open_session(sessions) for _ in range(10)))
    async with world.store.read() as work:
        assert len(await work.sessions.open_sessions(world.clock.now())) == BOUNDS.per_key
    good = 0
    for _, token in opened:
        with suppress(NotAuthenticatedError):
            await sessions.authenticate(token, ORIGIN)
            good += 1
    assert good == BOUNDS.per_key


@pytest.mark.parametrize("turns", range(24))
async def test_aborted_registration_leaves_the_same_sessions_here_and_in_the_store(turns: int):
    world, sessions = await build()
    tokens = [(await open_session(sessions))[1] for _ in range(3)]
    newcomer = asyncio.create_task(open_session(sessions))
    for _ in range(turns):
        await asyncio.sleep(0)
    newcomer.cancel()
    await asyncio.wait([newcomer])
    async with world.store.write():
        pass  # a write that was under way has ended
    assert await good_ones(sessions, tokens) == await good_ones(sessions_of(world), tokens)


@pytest.mark.parametrize("turns", range(24))
async def test_session_is_closed_although_the_client_disconnects_meanwhile(turns: int):
    world, sessions = await build()
    session, token = await open_session(sessions)
    principal = await sessions.authenticate(token, ORIGIN)
    closing = asyncio.create_task(sessions.close(principal, session.connection_id, ORIGIN))
    for _ in range(turns):
        await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    async with world.store.write():
        pass  # a write that was under way has ended
    assert await good_ones(sessions, [token]) == await good_ones(sessions_of(world), [token])


async def good_ones(sessions: Sessions, tokens: list[str]) -> list[str]:
    found = []
    for token in tokens:
        with suppress(NotAuthenticatedError):
            await sessions.authenticate(token, ORIGIN)
            found.append(token)
    return found


async def test_ended_session_no_longer_counts_for_the_limit():
    world, sessions = await build()
    _, first_token = await open_session(sessions)
    for _ in range(5):
        session, token = await open_session(sessions)
        await sessions.close(await sessions.authenticate(token, ORIGIN), session.connection_id, ORIGIN)
    assert (await sessions.authenticate(first_token, ORIGIN)).user_name == "alice"
    world.clock.advance(BOUNDS.idle.total_seconds())
    await sessions.forget_expired()
    assert len(sessions._held) == 0


async def test_a_token_survives_a_restart_and_the_store_holds_none():
    world, sessions = await build()
    session, token = await open_session(sessions)
    restarted = sessions_of(world)
    assert (await restarted.authenticate(token, ORIGIN)).session_id == session.session_id
    async with world.store.read() as work:
        stored = await work.sessions.get(session.session_id)
    assert token not in repr(stored)


async def test_a_closed_session_stays_closed_after_a_restart():
    world, sessions = await build()
    session, token = await open_session(sessions)
    await sessions.close(await sessions.authenticate(token, ORIGIN), session.connection_id, ORIGIN)
    with pytest.raises(NotAuthenticatedError):
        await sessions_of(world).authenticate(token, ORIGIN)


async def test_connection_of_another_session_cannot_be_closed():
    _, sessions = await build()
    (_, token), (other, _) = await open_session(sessions), await open_session(sessions)
    with pytest.raises(NotFoundError):
        await sessions.close(await sessions.authenticate(token, ORIGIN), other.connection_id, ORIGIN)


async def test_heartbeats_prolong_a_session_up_to_its_lifetime():
    world, sessions = await build()
    session, token = await open_session(sessions)
    for _ in range(3):
        world.clock.advance(7 * 3600)
        await world.policy.refresh()
        beaten = await sessions.heartbeat(await sessions.authenticate(token, ORIGIN), ORIGIN)
    assert beaten.expires_at == session.created_at + timedelta(hours=24)
    world.clock.advance(3 * 3600)
    with pytest.raises(NotAuthenticatedError):
        await sessions.authenticate(token, ORIGIN)


async def test_a_session_without_heartbeats_expires_and_is_deleted():
    world, sessions = await build()
    _, token = await open_session(sessions)
    world.clock.advance(8 * 3600)
    await sessions.forget_expired()
    assert len(sessions._held) == 0
    with pytest.raises(NotAuthenticatedError):
        await sessions.authenticate(token, ORIGIN)


async def test_too_frequent_heartbeats_are_refused():
    world, sessions = await build()
    _, token = await open_session(sessions)
    principal = await sessions.authenticate(token, ORIGIN)
    world.clock.advance(1)
    await sessions.heartbeat(principal, ORIGIN)
    with pytest.raises(RateLimitedError) as refused:
        await sessions.heartbeat(principal, ORIGIN)
    assert 0 < refused.value.retry_after <= 11


@pytest.mark.parametrize(
    "items",
    [
        {"user": replace(USER, status=UserStatus.SUSPENDED)},
        {"user": replace(USER, status=UserStatus.DEACTIVATED)},
        {"key": replace(KEY, status=KeyStatus.REVOKED)},
    ],
)
async def test_registration_with_an_inactive_user_or_key_is_refused(items: dict[str, Any]):
    world, sessions = await build()
    if "key" in items:
        items = {"key": replace(world.policy.snapshot.keys["k1"], status=KeyStatus.REVOKED)}
    await change(world, **items)
    with pytest.raises(InvalidKeyError):
        await open_session(sessions)


async def test_an_expired_key_opens_nothing():
    world, sessions = await build()
    expiring = replace(world.policy.snapshot.keys["k1"], expires_at=world.clock.now() + timedelta(seconds=1))
    await change(world, key=expiring)
    await open_session(sessions)
    world.clock.advance(1)
    with pytest.raises(InvalidKeyError):
        await open_session(sessions)


WRONG_KEYS = {
    "empty": "",
    "bare prefix": "amb_pk_",
    "too short": SECRET[:-1],
    "too long": SECRET + "a",
    "another kind": "amb_ak_" + SECRET[7:],
    "another key": mint_key(PRESHARED_KEY_PREFIX),
    "not ascii": "é" * 55,
}


@pytest.mark.parametrize("key", WRONG_KEYS.values(), ids=WRONG_KEYS.keys())
async def test_every_wrong_key_gets_the_same_refusal_and_is_recorded_without_it(key: str):
    world, sessions = await build()
    with pytest.raises(InvalidKeyError) as refused:
        await open_session(sessions, key)
    assert refused.value.message == "Invalid or inactive key"
    event = world.log.events[-1]
    assert event.action is AuditAction.SESSION_REFUSE
    assert not key or key not in repr(event)


async def test_an_address_with_many_failures_is_throttled_except_for_valid_keys():
    world, sessions = await build()
    for _ in range(3):
        with pytest.raises(InvalidKeyError):
            await open_session(sessions, mint_key(PRESHARED_KEY_PREFIX))
    recorded = len(world.log.events)
    with pytest.raises(RateLimitedError):
        await open_session(sessions, mint_key(PRESHARED_KEY_PREFIX))
    assert len(world.log.events) == recorded
    await open_session(sessions)
    with pytest.raises(InvalidKeyError):
        await open_session(sessions, mint_key(PRESHARED_KEY_PREFIX), address="127.0.0.2")


async def test_sessions_that_ended_a_week_ago_are_deleted():
    world, sessions = await build()
    session, _ = await open_session(sessions)
    for days, kept in ((1, True), (8, False)):
        world.clock.advance(days * 86400)
        await sessions.forget_expired()
        async with world.store.read() as work:
            assert (await work.sessions.get(session.session_id) is not None) == kept


async def test_a_session_ended_by_another_process_ends_here_too():
    world, sessions = await build()
    session, token = await open_session(sessions)
    elsewhere = sessions_of(world)
    await elsewhere.authenticate(token, ORIGIN)
    control = SessionControl(store=world.store, changes=world.changes, sessions=sessions, clock=world.clock)
    assert [each.session_id for each in (await control.page(Listing())).items] == [session.session_id]
    await control.revoke(ROOT, session.session_id)
    with pytest.raises(NotAuthenticatedError):
        await sessions.authenticate(token, ORIGIN)
    await elsewhere.follow_ends()
    with pytest.raises(NotAuthenticatedError):
        await elsewhere.authenticate(token, ORIGIN)
    assert (await control.page(Listing())).items == ()
    with pytest.raises(ConflictError):
        await control.revoke(ROOT, session.session_id)


async def test_a_kill_switch_stops_registrations_and_heartbeats_until_it_is_lifted():
    world, sessions = await build()
    _, token = await open_session(sessions)
    principal = await sessions.authenticate(token, ORIGIN)
    switch_id = await world.kill(SwitchScope.USER, "alice", message="Call the help desk")
    for refused in (open_session(sessions), sessions.heartbeat(principal, ORIGIN)):
        with pytest.raises(StoppedError, match="Call the help desk"):
            await refused
        assert world.log.events[-1].reason == "kill_switch"
    await world.switches.lift(ROOT, switch_id)
    await open_session(sessions)
    await sessions.heartbeat(principal, ORIGIN)


def of_action(world: World, action: AuditAction) -> list[AuditEvent]:
    return [event for event in world.log.events if event.action is action]


async def test_session_that_is_not_stored_is_not_recorded_as_open():
    world, sessions = await build()
    async with world.store.write() as work:
        await work.keys.remove("k1")
    with pytest.raises(ConflictError):
        await open_session(sessions)
    assert of_action(world, AuditAction.SESSION_OPEN) == []
    assert len(sessions._held) == 0


async def test_session_that_cannot_be_recorded_ends_before_its_token_is_returned():
    world, sessions = await build()
    await open_session(sessions)
    world.log.break_down()
    with pytest.raises(AuditUnavailableError):
        await open_session(sessions)
    async with world.store.read() as work:
        stored = (await work.sessions.page(Listing())).items
    assert sorted(each.end_reason or "open" for each in stored) == ["not recorded", "open"]
    assert len(sessions._held) == 1


@pytest.mark.parametrize(("hours", "reason"), [(8, "idle"), (24, "lifetime")])
async def test_expired_session_is_recorded_once_by_the_first_who_notices(hours: int, reason: str):
    world, sessions = await build()
    session, token = await open_session(sessions)
    while world.clock.now() < session.created_at + timedelta(hours=hours - 8):
        world.clock.advance(4 * 3600)
        await world.policy.refresh()
        await sessions.heartbeat(await sessions.authenticate(token, ORIGIN), ORIGIN)
    world.clock.advance(8 * 3600)
    with pytest.raises(NotAuthenticatedError):
        await sessions.authenticate(token, ORIGIN)
    assert of_action(world, AuditAction.SESSION_EXPIRE) == []
    for process in (sessions_of(world), sessions, sessions):
        await process.forget_expired()
    (event,) = of_action(world, AuditAction.SESSION_EXPIRE)
    assert (event.session_id, event.reason) == (session.session_id, reason)
    assert event.details["user"] == "alice"


async def test_closed_session_never_expires():
    world, sessions = await build()
    session, token = await open_session(sessions)
    await sessions.close(await sessions.authenticate(token, ORIGIN), session.connection_id, ORIGIN)
    world.clock.advance(9 * 3600)
    await sessions.forget_expired()
    assert of_action(world, AuditAction.SESSION_EXPIRE) == []


async def test_the_number_of_recorded_forged_tokens_is_bounded():
    world, sessions = await build()
    for number in range(9):
        with pytest.raises(NotAuthenticatedError):
            await sessions.authenticate(f"amb_st_forged{number}", ORIGIN)
    refused = of_action(world, AuditAction.SESSION_REFUSE)
    assert {event.reason for event in refused} == {"invalid_credentials"}
    assert len(refused) == 3
    assert "amb_st_" not in repr(refused)
