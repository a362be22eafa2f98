"""One-time codes are exchanged once, in time, for the user they were made for; guesses are throttled."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.audit.events import ActorKind, AuditAction, Outcome
from ambassador_server.domain.people.principals import Origin
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.domain.secrets.tokens import mint_code, plain_code
from ambassador_server.domain.shared.listing import Listing
from ambassador_server.errors import (
    ConflictError,
    InvalidCodeError,
    InvalidInputError,
    NotFoundError,
    RateLimitedError,
    StoppedError,
)
from ambassador_server.services.administration.enrolments import Enrolments
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.sign_in.code_redemption import CodeRedemption
from ambassador_server.services.sign_in.sessions import Sessions
from ambassador_server.wording.advice import hint_text
from tests.fakes.session_tokens import RememberedTokens
from tests.fakes.throttle import CountingThrottle
from tests.server.services.world import ORIGIN, ROOT, World
from tests.server.worlds import USER

PEPPER = b"p" * 32
SOON, LATER = timedelta(minutes=15), timedelta(days=90)


async def build() -> tuple[World, Enrolments, CodeRedemption, Sessions]:
    world = await World.build()
    recorder, throttle = Recorder(log=world.log, clock=world.clock), CountingThrottle()
    prover = world.prover(PEPPER, throttle)
    sessions = world.sessions(prover, RememberedTokens(), throttle=throttle)
    enrolments = Enrolments(store=world.store, changes=world.changes, clock=world.clock, pepper=PEPPER)
    redemption = CodeRedemption(
        store=world.store,
        changes=world.changes,
        prover=prover,
        recorder=recorder,
        throttle=throttle,
        clock=world.clock,
        pepper=PEPPER,
    )
    return world, enrolments, redemption, sessions


async def issue(enrolments: Enrolments, user: str = "alice", lifetime: timedelta = SOON) -> str:
    return (await enrolments.issue(ROOT, user=user, name="desk", lifetime=lifetime, key_lifetime=LATER))[1]


async def test_code_becomes_a_key_that_opens_a_session():
    world, enrolments, redemption, sessions = await build()
    redeemed = await redemption.redeem(await issue(enrolments), ORIGIN)
    assert (redeemed.user.name, redeemed.key.name) == ("alice", "desk")
    assert redeemed.key.expires_at == world.clock.now() + LATER
    session, _ = await sessions.open(redeemed.secret, friendly_name="desk", host_tool="cli", origin=ORIGIN)
    assert session.key_id == redeemed.key.key_id


async def test_issue_and_redemption_are_recorded_without_code_or_key():
    world, enrolments, redemption, _ = await build()
    code = await issue(enrolments)
    redeemed = await redemption.redeem(code, ORIGIN)
    enrol, redeem = world.log.events
    assert (enrol.action, enrol.actor.kind) == (AuditAction.KEY_ENROL, ActorKind.ADMIN)
    assert (redeem.action, redeem.actor.kind, redeem.actor.name) == (
        AuditAction.KEY_REDEEM,
        ActorKind.USER,
        "alice",
    )
    told = repr(world.log.events)
    assert code not in told
    assert code.replace("-", "") not in told
    assert redeemed.secret not in told


async def test_code_works_once_also_for_simultaneous_requests():
    _, enrolments, redemption, _ = await build()
    code = await issue(enrolments)
    results = await asyncio.gather(
        *(redemption.redeem(code, ORIGIN) for _ in range(3)), return_exceptions=True
    )
    assert sum(isinstance(each, InvalidCodeError) for each in results) == 2
    with pytest.raises(InvalidCodeError):
        await redemption.redeem(code, ORIGIN)


async def test_expired_code_is_refused():
    world, enrolments, redemption, _ = await build()
    code = await issue(enrolments)
    world.clock.advance(SOON.total_seconds())
    with pytest.raises(InvalidCodeError):
        await redemption.redeem(code, ORIGIN)


async def test_suspended_user_gets_neither_code_nor_key():
    world, enrolments, redemption, _ = await build()
    code = await issue(enrolments)
    async with world.store.write() as work:
        await work.users.replace(replace(USER, status=UserStatus.SUSPENDED))
    with pytest.raises(InvalidCodeError):
        await redemption.redeem(code, ORIGIN)
    with pytest.raises(ConflictError):
        await issue(enrolments)
    with pytest.raises(NotFoundError):
        await issue(enrolments, "nobody")


async def test_kill_switch_stops_redemption_and_the_code_works_after_it_is_lifted():
    world, enrolments, redemption, _ = await build()
    code = await issue(enrolments)
    switch = await world.kill(SwitchScope.USER, "alice", "Ask Bob")
    with pytest.raises(StoppedError, match="Ask Bob"):
        await redemption.redeem(code, ORIGIN)
    await world.switches.lift(ROOT, switch)
    assert (await redemption.redeem(code, ORIGIN)).user.name == "alice"


async def test_address_with_too_many_failures_is_refused_even_with_a_valid_code():
    world, enrolments, redemption, _ = await build()
    code = await issue(enrolments)
    for _ in range(3):
        with pytest.raises(InvalidCodeError):
            await redemption.redeem(mint_code(), ORIGIN)
    with pytest.raises(RateLimitedError, match=r"^Too many failed attempts$") as early:
        await redemption.redeem(code, ORIGIN)
    assert hint_text(early.value) == f"Try again in {early.value.retry_after} s."
    refused = [each for each in world.log.events if each.action is AuditAction.KEY_REDEEM]
    assert {each.outcome for each in refused} == {Outcome.DENIED}
    assert (await redemption.redeem(code, Origin("r", "192.0.2.7"))).user.name == "alice"


async def test_cancelled_code_is_invalid_and_no_longer_listed():
    world, enrolments, redemption, _ = await build()
    code = await issue(enrolments)
    world.clock.advance(1)
    await issue(enrolments)
    first, second = (await enrolments.page(Listing())).items
    await enrolments.cancel(ROOT, first.enrolment_id)
    with pytest.raises(InvalidCodeError):
        await redemption.redeem(code, ORIGIN)
    assert (await enrolments.page(Listing())).items == (second,)
    with pytest.raises(NotFoundError):
        await enrolments.cancel(ROOT, first.enrolment_id)
    (event,) = [each for each in world.log.events if each.action is AuditAction.ENROLMENT_CANCEL]
    assert (event.resource.id, event.details) == (first.enrolment_id, {"user": "alice"})


async def test_code_that_is_used_or_too_old_cannot_be_cancelled():
    world, enrolments, redemption, _ = await build()
    used = await issue(enrolments)
    world.clock.advance(1)
    await issue(enrolments)
    first, second = (await enrolments.page(Listing())).items
    await redemption.redeem(used, ORIGIN)
    with pytest.raises(ConflictError, match="is used already"):
        await enrolments.cancel(ROOT, first.enrolment_id)
    world.clock.advance(SOON.total_seconds())
    with pytest.raises(ConflictError, match="is too old already"):
        await enrolments.cancel(ROOT, second.enrolment_id)
    assert (await enrolments.page(Listing())).items == ()


@pytest.mark.parametrize("lifetime", [timedelta(seconds=59), timedelta(days=1, seconds=1)])
async def test_lifetime_of_a_code_is_between_a_minute_and_a_day(lifetime: timedelta):
    _, enrolments, _, _ = await build()
    with pytest.raises(InvalidInputError):
        await issue(enrolments, lifetime=lifetime)


async def test_old_codes_are_deleted():
    world, enrolments, _, _ = await build()
    await issue(enrolments)
    world.clock.advance(timedelta(days=2).total_seconds())
    await enrolments.forget_expired()
    async with world.store.read() as work:
        assert await work.enrolments.all() == []


def test_code_is_read_as_people_type_it():
    code = mint_code()
    plain = plain_code(code)
    assert plain is not None
    assert len(plain) == 12
    for typed in (code.lower(), plain, f"  {code} ", code.replace("-", " ")):
        assert plain_code(typed) == plain
    assert plain_code("ILOI-LOIL-OILO") == "110110110110"


@given(st.text(max_size=80))
def test_other_texts_are_no_codes(text: str):
    plain = plain_code(text)
    assert plain is None or (len(plain) == 12 and plain_code(plain) == plain)
