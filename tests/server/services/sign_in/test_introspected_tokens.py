"""What an issuer says of a token holds for a minute, for calls in flight too, and strangers cannot make it be asked."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from ambassador_server.authenticators.access_token import AccessTokenAuthenticator
from ambassador_server.domain.people.issuers import KeySource
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.domain.policy.decision import Reason
from ambassador_server.errors import IssuerUnavailableError, RateLimitedError
from tests.conformance.store_samples import issuer as sample
from tests.fakes.issuer import AUDIENCE, claims_of, sign
from tests.server.services.sign_in.test_token_proof import (
    MOST_OF_ADDRESS,
    MOST_OF_ISSUER,
    Tokens,
    refusal,
    tokens,
)
from tests.server.services.world import ORIGIN
from tests.server.worlds import GROUP

__all__ = ["tokens"]
TOKEN = "an-opaque-token"
OTHER = "00000000-0000-4000-8000-000000000002"
FIELDS: Mapping[str, Any] = {
    "key_source": KeySource.INTROSPECTION,
    "algorithms": (),
    "client_id": "ambassador",
    "client_secret": "env://CLIENT_SECRET",
}


@pytest.fixture(autouse=True)
async def _asked(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "a secret")
    await tokens.put_issuer(**FIELDS)
    say(tokens)


def say(tokens: Tokens, token: str = TOKEN, **changes: Any) -> None:
    """Let the issuer say that a token is active."""
    claims = claims_of(tokens.server.url, tokens.world.clock.now(), exp=_in(tokens, 3600))
    tokens.server.answers[token] = {"active": True, **claims, **changes}


def _in(tokens: Tokens, seconds: int) -> int:
    return int(tokens.world.clock.now().timestamp()) + seconds


async def advance(tokens: Tokens, seconds: float) -> None:
    tokens.world.clock.advance(seconds)
    await tokens.world.policy.refresh()


async def test_an_issuer_is_asked_once_a_minute(tokens: Tokens) -> None:
    principal = await tokens.use(TOKEN)
    for _ in range(5):
        assert await tokens.use(TOKEN) is principal
    assert len(tokens.server.questions) == 1
    await advance(tokens, 59)
    assert await tokens.use(TOKEN) is principal
    await advance(tokens, 1)
    assert await tokens.use(TOKEN) == principal
    assert len(tokens.server.questions) == 2
    actions = [event.action for event in tokens.world.log.events]
    assert actions.count("session:token:accept") == 1
    assert TOKEN not in repr(tokens.world.log.events)
    assert TOKEN not in repr(vars(tokens.prover))
    assert TOKEN not in repr(principal)


async def test_a_revoked_token_is_refused_within_a_minute(tokens: Tokens) -> None:
    principal = await tokens.use(TOKEN)
    tokens.server.answers.clear()
    assert await tokens.use(TOKEN) is principal
    await advance(tokens, 60)
    assert tokens.decision(principal) is Reason.TOKEN_INACTIVE
    assert await refusal(tokens, TOKEN) == "Valid access token required"
    (event,) = [each for each in tokens.world.log.events if each.action == "session:token:refuse"]
    assert event.reason == "inactive"


async def test_nothing_is_believed_after_the_end_of_a_token(tokens: Tokens) -> None:
    say(tokens, exp=_in(tokens, 10))
    principal = await tokens.use(TOKEN)
    await advance(tokens, 10)
    assert tokens.decision(principal) is Reason.TOKEN_INACTIVE
    assert "expired" in await refusal(tokens, TOKEN), "the issuer still says that it is active"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://evil.example.com"}, "unknown_issuer"),
        ({"iss": None}, "unknown_issuer"),
        ({"aud": "https://other.example.com"}, "foreign_audience"),
        ({"aud": None}, "foreign_audience"),
        ({"exp": None}, "no_expiry"),
        ({"nbf": 4_000_000_000}, "not_yet_valid"),
        ({"sub": None}, "no_subject"),
        ({"preferred_username": "ali ce"}, "no_user_name"),
        ({"preferred_username": "nobody-here"}, "unknown_user"),
        ({"cnf": {"jkt": "x"}}, "bound_to_key"),
        ({"token_type": "DPoP"}, "bound_to_key"),
    ],
)
async def test_claims_are_checked_as_those_of_signed_tokens(
    tokens: Tokens, changes: dict[str, Any], reason: str
) -> None:
    say(tokens, **changes)
    await refusal(tokens, TOKEN)
    event = tokens.world.log.events[-1]
    assert (event.action, event.reason) == ("session:token:refuse", reason)


async def test_calls_that_go_on_make_the_server_ask_again_before_the_minute_ends(tokens: Tokens) -> None:
    running, idle = await tokens.use(TOKEN), "an-idle-token"
    say(tokens, idle)
    await tokens.use(idle)
    tokens.server.questions.clear()
    for _ in range(40):
        await advance(tokens, 10)
        await tokens.prover.ask_again([running])
        assert tokens.decision(running) is None
    assert {form["token"] for _, form in tokens.server.questions} == {TOKEN}
    assert len(tokens.server.questions) == 8, "five tens of seconds lie between two questions"
    assert await tokens.use(TOKEN) == running


async def test_a_token_that_is_revoked_ends_its_calls_before_the_minute_ends(tokens: Tokens) -> None:
    running = await tokens.use(TOKEN)
    tokens.server.answers.clear()
    await advance(tokens, 45)
    assert tokens.decision(running) is None
    await tokens.prover.ask_again([running])
    assert tokens.decision(running) is Reason.TOKEN_INACTIVE
    assert await refusal(tokens, TOKEN) == "Valid access token required"


async def test_without_its_issuer_a_call_ends_after_a_minute_and_no_earlier(tokens: Tokens) -> None:
    running = await tokens.use(TOKEN)
    tokens.server.status = 503
    await advance(tokens, 50)
    await tokens.prover.ask_again([running])
    assert tokens.decision(running) is None
    assert await tokens.use(TOKEN) is running
    await advance(tokens, 10)
    await tokens.prover.ask_again([running])
    assert tokens.decision(running) is Reason.TOKEN_INACTIVE
    with pytest.raises(IssuerUnavailableError):
        await tokens.use(TOKEN)
    tokens.server.status = 200
    assert (await tokens.use(TOKEN)).user_id == running.user_id


@pytest.mark.parametrize("how", ["groups", "user", "suspended"])
async def test_calls_end_when_their_token_means_less(tokens: Tokens, how: str) -> None:
    await tokens.put_issuer(**FIELDS, group_map={"eng": GROUP.name})
    running = await tokens.use(TOKEN)
    assert tokens.decision(running) is None
    match how:
        case "groups":
            say(tokens, groups=[])
        case "user":
            say(tokens, preferred_username="nobody-here")
        case _:
            await tokens.put_user(status=UserStatus.SUSPENDED)
    await advance(tokens, 50)
    await tokens.prover.ask_again([running])
    assert tokens.decision(running) in (Reason.TOKEN_INACTIVE, Reason.USER_NOT_ACTIVE)


async def test_each_token_is_shown_to_one_issuer_alone(tokens: Tokens) -> None:
    await tokens.put_issuer(**FIELDS, token_prefix="acme_")
    await refusal(tokens, TOKEN)
    assert tokens.server.questions == []
    say(tokens, "acme_token")
    await tokens.use("acme_token")
    gone = sample(
        issuer_id=OTHER,
        name="other",
        group_prefix="other.",
        **{**FIELDS, "key_place": f"{tokens.server.url}/other"},
        url="https://other.example.com",
        audiences=(AUDIENCE,),
        private_addresses=True,
        token_prefix="acme_special_",
    )
    async with tokens.world.store.write() as work:
        await work.issuers.add(gone)
    await tokens.world.policy.refresh()
    with pytest.raises(IssuerUnavailableError):
        await tokens.use("acme_special_token")
    assert [form["token"] for _, form in tokens.server.questions] == ["acme_token"]


async def test_what_names_another_issuer_or_is_ours_is_shown_to_none(tokens: Tokens) -> None:
    foreign = sign(claims_of("https://evil.example.com"))
    assert await refusal(tokens, foreign) == "Valid access token required"
    await refusal(tokens, "two words")
    authenticator = AccessTokenAuthenticator(tokens.prover)
    for secret in ("amb_pk_x", "amb_st_x", "amb_ak_x", "amb_unknown", ""):
        assert not authenticator.accepts(secret)
    assert authenticator.accepts(TOKEN)
    assert tokens.server.questions == []
    await tokens.put_issuer(key_source=KeySource.DISCOVERY)
    assert not authenticator.accepts(TOKEN), "no issuer is asked about tokens"


async def test_a_signed_token_of_an_issuer_that_is_asked_may_be_revoked(tokens: Tokens) -> None:
    token = tokens.token()
    assert await refusal(tokens, token) == "Valid access token required"
    tokens.world.clock.advance(31)
    say(tokens, token)
    assert (await tokens.use(token)).user_name == "alice"
    assert tokens.verifier.verified == 0


async def test_an_address_with_many_wrong_tokens_waits_and_its_known_users_do_not(tokens: Tokens) -> None:
    await tokens.use(TOKEN)
    for number in range(MOST_OF_ADDRESS):
        await refusal(tokens, f"guess-{number}")
    asked = len(tokens.server.questions)
    with pytest.raises(RateLimitedError):
        await tokens.use("one-more")
    assert len(tokens.server.questions) == asked
    await advance(tokens, 60)
    assert (await tokens.use(TOKEN)).user_name == "alice"
    other = Origin("request-2", "192.0.2.1")
    say(tokens, "another")
    assert (await tokens.prover.authenticate("another", other)).user_name == "alice"


async def test_many_addresses_together_do_not_flood_an_issuer(tokens: Tokens) -> None:
    await tokens.use(TOKEN)
    for number in range(MOST_OF_ISSUER):
        with pytest.raises(Exception, match="Valid access token required"):
            await tokens.prover.authenticate(f"guess-{number}", Origin("r", f"192.0.2.{number}"))
    asked = len(tokens.server.questions)
    with pytest.raises(RateLimitedError):
        await tokens.prover.authenticate("one-more", Origin("r", "198.51.100.1"))
    assert len(tokens.server.questions) == asked
    await advance(tokens, 60)
    assert (await tokens.use(TOKEN)).user_name == "alice"


async def test_an_issuer_that_is_gone_is_not_the_fault_of_an_address(tokens: Tokens) -> None:
    tokens.server.status = 503
    for _ in range(MOST_OF_ADDRESS + 5):
        with pytest.raises(IssuerUnavailableError):
            await tokens.use("unknown")
    recorded = [each for each in tokens.world.log.events if each.reason == "introspection_failed"]
    assert len(recorded) == MOST_OF_ADDRESS
    tokens.server.status = 200
    tokens.world.clock.advance(31)
    assert (await tokens.use(TOKEN)).user_name == "alice"


async def test_one_address_does_not_take_all_questions_of_a_slow_issuer(tokens: Tokens) -> None:
    await tokens.use(TOKEN)
    tokens.server.wait = asyncio.Event()
    say(tokens, "another")
    flood = [asyncio.ensure_future(tokens.use(f"guess-{number}")) for number in range(40)]
    elsewhere = asyncio.ensure_future(tokens.prover.authenticate("another", Origin("r", "192.0.2.1")))
    refused: set[asyncio.Future[Principal]] = set()
    while len(refused) < 24:
        refused, _ = await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED)
    tokens.server.wait.set()
    found = await asyncio.gather(*flood, return_exceptions=True)
    assert sum(isinstance(each, RateLimitedError) for each in found) == 24
    answer: Principal = await elsewhere
    assert (answer.user_name, ORIGIN.address) == ("alice", "127.0.0.1")
