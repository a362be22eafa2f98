"""Issuers change their keys while the server runs, and fail; neither lets in a wrong token, or keeps out a good one."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest

from ambassador_server.identity.held import TRIED_EVERY
from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES, LEGACY, Face
from tests.end_to_end.test_introspected_tokens import AUDIENCE, hostile_issuer, log_in
from tests.end_to_end.world import Caller, Downstream, World, assert_nothing_internal, running, until
from tests.fakes.issuer import OTHER_RSA, IssuerServer, claims_of, sign
from tests.rig import Rig
from tests.server.downstream.authorization.oidc_provider import oidc_provider

FLOOD, AT_ONCE = 400, 8


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    with running(directory, prepared, limits={**GENEROUS, "failed_logins": "100000/minute"}) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        yield started


@pytest.fixture
def group(world: World) -> Iterator[str]:
    """Return a group that may call the tool, and forget the issuer that a test trusts."""
    yield world.group("tools")
    for each in world.ask("GET", "issuers")["items"]:
        world.ask("DELETE", f"issuers/{each['name']}")


@pytest.fixture
def server() -> Iterator[IssuerServer]:
    with hostile_issuer() as found:
        yield found


def trust(world: World, url: str, group: str, name: str = "keys") -> None:
    body = {
        "url": url,
        "audiences": [AUDIENCE],
        "group_prefix": f"{name}.",
        "group_map": {"eng": group},
        "private_addresses": True,
        "creates_users": True,
        "user_claims": ["sub"],
    }
    world.ask("PUT", f"issuers/{name}", body)


def status(world: World, token: str, face: Face = LEGACY) -> int:
    return Caller(world.http, token).send(face.listing(token)).status_code


def signed(server: IssuerServer, user: str, **how: Any) -> str:
    """Return a token that was never sent before."""
    return sign(claims_of(server.url, sub=user, jti=str(time.monotonic_ns())), **how)


def test_providers_rotate_their_keys_while_the_server_runs(world: World, group: str) -> None:
    """One keeps the key that signed what is valid still, as providers do; the other takes it away."""
    how: dict[str, Any] = {"resource": AUDIENCE, "groups": ["eng"]}
    with oidc_provider(**how) as keeping, oidc_provider(**how) as dropping:
        trust(world, keeping, group)
        trust(world, dropping, group, name="dropping")
        name, other = world.fresh("person"), world.fresh("person")
        shown, unseen = (log_in(keeping, name).access for _ in range(2))
        lost, unseen_lost = (log_in(dropping, other).access for _ in range(2))
        for token, face in product((shown, lost), FACES):
            assert Caller(world.http, token).call(face, "tools__echo", {"text": "hello"}).text == "hello"
        begun = time.monotonic()
        for address in (f"{keeping}/rotate", f"{dropping}/rotate?drop"):
            httpx.post(address, trust_env=False).raise_for_status()
        new, newest = log_in(keeping, name).access, log_in(dropping, other).access
        assert new.split(".")[0] != shown.split(".")[0], "it is signed by another key"

        def accepted() -> bool:
            assert status(world, shown) == 200
            return (status(world, new), status(world, newest)) == (200, 200)

        until(accepted, "tokens of the new keys are accepted")
        for token, face in product((new, newest, unseen), FACES):
            assert Caller(world.http, token).call(face, "tools__echo", {"text": "hello"}).text == "hello"
        assert status(world, unseen_lost) == 401
        passed = time.monotonic() - begun
        for url in (keeping, dropping):
            asked = httpx.get(f"{url}/keys-asked", trust_env=False).json()["asked"]
            assert asked <= 2 + passed / TRIED_EVERY, "each refusal could have fetched the keys"
    reasons = {event["reason"] for event in world.events(action="session:token:refuse")}
    assert reasons == {"unknown_key"}


def test_a_flood_of_unknown_keys_fetches_them_no_more_often(
    world: World, server: IssuerServer, group: str
) -> None:
    trust(world, server.url, group)
    name = world.fresh("person")
    good, begun = signed(server, name), time.monotonic()
    assert status(world, good) == 200

    def strange(number: int) -> int:
        token = signed(server, name, key=OTHER_RSA, headers={"kid": f"unknown-{number}"})
        return status(world, token)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = [pool.submit(strange, number) for number in range(FLOOD)]
        for face in FACES:
            assert Caller(world.http, good).call(face, "tools__echo", {"text": "hello"}).text == "hello"
            assert status(world, signed(server, name), face) == 200, "a new token of a key that is known"
        assert {each.result() for each in answers} == {401}
    assert server.asked <= 1 + (time.monotonic() - begun) / TRIED_EVERY


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize(
    ("name", "value"), [("padding", 10 * 1024 * 1024), ("status", 500), ("keys", []), ("wait", None)], ids=str
)
def test_keys_that_cannot_be_fetched_are_503(
    world: World, server: IssuerServer, group: str, face: Face, name: str, value: Any
) -> None:
    setattr(server, name, asyncio.Event() if name == "wait" else value)
    trust(world, server.url, group)
    user = world.fresh("person")
    token, caller = signed(server, user), world.caller()
    began = threading.Event()

    def refused() -> httpx.Response:
        began.set()
        return Caller(world.http, token).send(face.call(token, "tools__echo", {"text": "must not run"}))

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(refused)
        assert began.wait(60)
        assert caller.call(face, "tools__echo", {"text": "hello"}).succeeded
        answer = waiting.result(60)
    assert answer.status_code == 503
    assert_nothing_internal(answer.text)
    assert token not in answer.text
    assert server.url not in answer.text
    assert json.loads(answer.content)["code"]
    assert server.asked <= 1
    if server.wait is not None:
        server.wait.set()
    assert {event["reason"] for event in world.events(action="session:token:refuse")} >= {"keys_unavailable"}


@pytest.mark.parametrize("face", FACES, ids=str)
def test_an_issuer_that_is_gone_keeps_its_keys_for_a_while(world: World, group: str, face: Face) -> None:
    user = world.fresh("person")
    with hostile_issuer() as server:
        trust(world, server.url, group)
        assert status(world, signed(server, user), face) == 200
        later = signed(server, user)
    assert Caller(world.http, later).call(face, "tools__echo", {"text": "hello"}).text == "hello"
    strange = signed(server, user, key=OTHER_RSA)
    assert status(world, strange, face) == 401
