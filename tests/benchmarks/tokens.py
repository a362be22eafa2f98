"""The cost of access tokens: their check alone in this process, and calls with them beside the relay and sessions."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from ambassador_server.domain.people.issuers import Algorithm, KeySource
from tests.benchmarks.calls import CONNECTIONS, in_turn
from tests.benchmarks.figures import Budget, Figure
from tests.benchmarks.processes import BenchError
from tests.benchmarks.world import Effort, Endpoint, World
from tests.end_to_end.identity_provider import identity_provider
from tests.fakes.issuer import AUDIENCE, EC, RSA, SigningKey, claims_of, sign
from tests.server.services.sign_in.test_token_proof import Tokens, trusted_issuer

_USER, _ISSUER, _CLAIMED = "token-user", "bench", "eng"
_LIFETIME = 24 * 3600
_KNOWN, _NEW = 2_000, 100
"""How many checks a round has: of a token that is known, and of tokens that come for the first time."""
_SHORTER, _SHORTEST = 6, 0.3
"""The difference is a hundredth of a call. Many short rounds see the same load of the machine on both sides."""
_OPAQUE = "an-opaque-token"
_MOST_MICROSECONDS = 60.0
_MICRO = 1e6


def tokens(world: World, effort: Effort) -> list[Figure]:
    """Measure the check of a token, and the processor time of calls that bring one."""
    return [*checks(effort), *_calls(world, effort)]


def checks(effort: Effort) -> list[Figure]:
    """Measure the check alone, in this process: tokens that are known, and tokens at their first sight."""
    return asyncio.run(_checks(effort))


async def _checks(effort: Effort) -> list[Figure]:
    rounds = range(effort.rounds)
    async with trusted_issuer() as trusted:
        trusted.server.keys = [RSA.public(), EC.public()]
        await trusted.put_issuer(algorithms=(Algorithm.RS256, Algorithm.ES256))
        known = [await _seconds(trusted, [_token(trusted, RSA, 0)] * _KNOWN) for _ in rounds]
        first = {
            key.algorithm: [
                await _seconds(trusted, [_token(trusted, key, n + 1) for n in range(at, at + _NEW)])
                for at in range(0, effort.rounds * _NEW, _NEW)
            ]
            for key in (EC, RSA)
        }
        await _ask_the_issuer(trusted)
        opaque = [await _seconds(trusted, [_OPAQUE] * _KNOWN) for _ in rounds]
    return [
        _figure("known", "check of an access token that is known, signed", known, bounded=True),
        _figure("known_opaque", "… opaque", opaque, bounded=True),
        *(
            _figure(f"first_{name.lower()}", f"… at its first sight, {name}", seconds)
            for name, seconds in first.items()
        ),
    ]


async def _seconds(trusted: Tokens, brought: Sequence[str]) -> float:
    """Return the processor time for each of these tokens, after one that does not count."""
    warm = _OPAQUE if brought[0] == _OPAQUE else _token(trusted, RSA, 0)
    await trusted.use(warm)
    begun = time.process_time()
    for each in brought:
        await trusted.use(each)
    return (time.process_time() - begun) / len(brought)


def _token(trusted: Tokens, key: SigningKey, number: int) -> str:
    """Return a token of alice; every number is another one."""
    return sign(claims_of(trusted.server.url, trusted.world.clock.now(), jti=f"{key.key_id}-{number}"), key)


async def _ask_the_issuer(trusted: Tokens) -> None:
    """Let the issuer say of an opaque token that it is active."""
    claims = claims_of(trusted.server.url, trusted.world.clock.now())
    trusted.server.answers[_OPAQUE] = {"active": True, **claims}
    how = {"key_source": KeySource.INTROSPECTION, "algorithms": (), "client_id": "bench"}
    await trusted.put_issuer(**how, client_secret="env://PATH")  # the issuer of the tests accepts any secret
    await trusted.use(_OPAQUE)
    if len(trusted.server.questions) != 1:
        raise BenchError("the issuer was not asked about the opaque token")


def _figure(name: str, what: str, seconds: Sequence[float], *, bounded: bool = False) -> Figure:
    return Figure(
        name=f"token_{name}",
        what=what,
        unit="µs",
        ours=[each * _MICRO for each in seconds],
        budget=Budget(at_most=_MOST_MICROSECONDS) if bounded else None,
    )


def _calls(world: World, effort: Effort) -> list[Figure]:
    """Measure calls with access tokens beside the relay, and beside calls with session tokens of the same server."""
    with identity_provider() as provider, world.relay(tls=False) as relay:
        with_sessions = world.serve(tls=False, sessions=CONNECTIONS)
        with_tokens = _trusting(world, provider, with_sessions)
        beside_relay = in_turn(relay, with_tokens, effort, connections=CONNECTIONS)
        if effort.seconds > _SHORTEST * _SHORTER:
            effort = replace(effort, rounds=effort.rounds * _SHORTER, seconds=effort.seconds / _SHORTER)
        beside_sessions = in_turn(with_sessions, with_tokens, effort, connections=CONNECTIONS)
        world.rig.admin("issuer", "remove", _ISSUER, "--yes")
    return [
        Figure(
            name="token_computed",
            what="processor time per call with an access token",
            unit="µs",
            digits=0,
            relay=[one.computed for one in beside_relay.relay],
            ours=[one.computed for one in beside_relay.ours],
            compared="ratio",
        ),
        Figure(
            name="token_beside_session",
            what="… beside with a session token",
            unit="µs",
            relay=[one.computed for one in beside_sessions.relay],
            ours=[one.computed for one in beside_sessions.ours],
            compared="difference",
            beside="session token",
            budget=Budget(at_most=_MOST_MICROSECONDS),
        ),
    ]


def _trusting(world: World, provider: str, server: Endpoint) -> Endpoint:
    """Trust the provider, and return the server for callers that bring its tokens, each another one."""
    mapped = ("--map", f"{_CLAIMED}=developers", "--private-addresses", "--create-users")
    world.rig.admin("issuer", "add", _ISSUER, "--url", provider, "--audience", AUDIENCE, *mapped)
    signed = (
        sign(
            claims_of(
                provider, preferred_username=_USER, groups=[_CLAIMED], jti=str(n), exp=time.time() + _LIFETIME
            )
        )
        for n in range(CONNECTIONS)
    )
    return replace(server, tokens=tuple(signed), token_header="Authorization", token_scheme="Bearer ")
