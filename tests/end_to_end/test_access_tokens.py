"""An access token of the organisation is a way in on every face, and ends with its user, its issuer and its groups."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from tests.end_to_end.faces import FACES, LEGACY, MODERN, Face
from tests.end_to_end.test_kill_switches import slow_call
from tests.end_to_end.test_many_streams import opened, opening
from tests.end_to_end.world import Caller, World, assert_nothing_internal, until
from tests.patience import PATIENCE

SECRET = "a secret of this module, long enough"
LAST_CHUNK = b"\r\n0\r\n\r\n"
URL = "https://login.example.com/realm"


@pytest.fixture
def issuer(world: World, directory: Path) -> Iterator[dict[str, Any]]:
    """Trust an issuer that shares a secret with the server, for one test."""
    (directory / "shared").write_text(SECRET)
    body = {
        "url": URL,
        "audiences": ["ambassador"],
        "algorithms": ["HS256"],
        "key_source": "secret",
        "key_place": f"file://{directory / 'shared'}",
        "group_prefix": "realm.",
    }
    world.ask("PUT", "issuers/realm", body)
    yield body
    if any(each["name"] == "realm" for each in world.ask("GET", "issuers")["items"]):
        world.ask("DELETE", "issuers/realm")


@pytest.fixture
def user(world: World) -> str:
    name = world.fresh("user")
    world.ask("POST", "users", {"name": name, "source": "external"})
    return name


def token(user: str, *groups: str, secret: str = SECRET, **changes: Any) -> str:
    claims = {
        "iss": URL,
        "aud": "ambassador",
        "sub": f"subject of {user}",
        "preferred_username": user,
        "groups": list(groups),
        "exp": int(time.time()) + 600,
        **changes,
    }
    return jwt.encode(claims, secret)


def mapped(world: World, issuer: dict[str, Any], claimed: str, *mcps: str) -> str:
    """Return the name of a group that a claimed group means."""
    group = world.group(*mcps)
    world.ask("PUT", "issuers/realm", {**issuer, "group_map": {claimed: group}})
    return group


@pytest.mark.parametrize("face", FACES, ids=str)
def test_groups_of_a_token_permit_calls_on_every_face(
    world: World, issuer: dict[str, Any], user: str, face: Face
) -> None:
    mapped(world, issuer, "eng", "tools")
    inside, outside = Caller(world.http, token(user, "eng")), Caller(world.http, token(user, "ops"))
    assert "tools__echo" in inside.names(face)
    assert inside.call(face, "tools__echo", {"text": "hello"}).text == "hello"
    assert outside.names(face) == []
    refused = outside.call(face, "tools__echo", {"text": "must not run"})
    assert refused.failed
    assert_nothing_internal(json.dumps(refused.body))
    assert inside.call(face, "tools__echo", {"text": "again"}).succeeded
    (denied,) = world.events(action="call:tool:deny", user=user)
    assert denied["reason"] == "no_grant"


@pytest.mark.parametrize("face", FACES, ids=str)
def test_wrong_tokens_are_refused_on_every_face_and_recorded(
    world: World, issuer: dict[str, Any], user: str, face: Face
) -> None:
    mapped(world, issuer, "eng", "tools")
    good = token(user, "eng")
    header, claims, _ = good.split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    wrong = {
        "algorithm_not_allowed": f"{unsigned}.{claims}.",
        "wrong_signature": token(user, "eng", secret=f"{SECRET}x"),
        "foreign_audience": token(user, "eng", aud="https://other.example.com"),
        "unknown_issuer": token(user, "eng", iss=f"{URL}/"),
        "expired": token(user, "eng", exp=int(time.time()) - 61),
        "not_yet_valid": token(user, "eng", nbf=int(time.time()) + 120),
        "unknown_user": token("nobody-here", "eng"),
        "malformed": f"{header}.{claims}",
    }
    for reason, bad in wrong.items():
        response = Caller(world.http, bad).send(face.call(bad, "tools__echo", {"text": "x"}))
        assert response.status_code == 401, reason
        assert response.headers["WWW-Authenticate"].startswith("Bearer ")
        assert_nothing_internal(response.text)
        assert bad not in response.text
    found = {event["reason"] for event in world.events(action="session:token:refuse")}
    assert found >= wrong.keys()
    log = "".join(each.read_text() for each in (world.rig.data_dir / "audit").rglob("*.jsonl"))
    for each in (good, *wrong.values()):
        assert each not in log
        assert each not in world.log_text()


@pytest.mark.parametrize("how", ["suspend", "remove", "switch", "group"])
@pytest.mark.parametrize("face", [LEGACY, MODERN], ids=str)
def test_what_ends_a_token_stops_its_calls_in_flight_and_its_next_call(
    world: World, issuer: dict[str, Any], user: str, face: Face, how: str
) -> None:
    group = mapped(world, issuer, "eng", "tools")
    caller = Caller(world.http, token(user, "eng"))
    assert caller.call(face, "tools__echo", {"text": "x"}).succeeded
    with slow_call(world, caller, face) as running:
        if how == "suspend":
            world.ask("PATCH", f"users/{user}", {"status": "suspended"})
        elif how == "remove":
            world.ask("DELETE", "issuers/realm")
        elif how == "switch":
            world.ask("POST", "kill-switches", {"scope": "user", "target": user, "reason": "a test"})
        else:
            world.ask("DELETE", f"groups/{group}")
        assert running.result().failed
    assert not caller.call(face, "tools__echo", {"text": "must not run"}).succeeded


def test_users_are_created_at_first_sight_without_rights(world: World, issuer: dict[str, Any]) -> None:
    world.ask("PUT", "issuers/realm", {**issuer, "creates_users": True})
    name = world.fresh("newcomer")
    caller = Caller(world.http, token(name, "admins", email="new@example.com"))
    assert caller.names(LEGACY) == []
    user = world.ask("GET", f"users/{name}")
    assert (user["source"], user["email"], user["groups"], user["roles"]) == (
        "external",
        "new@example.com",
        [],
        [],
    )
    other = Caller(world.http, token(name, sub="another subject"))
    assert other.send(LEGACY.listing(other.secret)).status_code == 401
    (created,) = world.events(action="admin:user:create", user=name)
    assert (created["details"]["issuer"], created["actor"]["key_name"]) == (URL, "realm")
    # What an administrator does when the person has got another account at the issuer.
    world.ask("PATCH", f"users/{name}", {"source": "local"})
    world.ask("PATCH", f"users/{name}", {"source": "external"})
    assert other.names(LEGACY) == []


def test_a_local_user_of_the_same_name_is_not_taken_over(world: World, issuer: dict[str, Any]) -> None:
    world.ask("PUT", "issuers/realm", {**issuer, "creates_users": True})
    person = world.person(world.group("tools"))
    caller = Caller(world.http, token(person.name))
    assert caller.send(LEGACY.listing(caller.secret)).status_code == 401
    until(
        lambda: "user_is_local" in {event["reason"] for event in world.events(action="session:token:refuse")},
        "the refusal is indexed",
    )


def test_a_token_administers_nothing_and_is_no_key(world: World, issuer: dict[str, Any], user: str) -> None:
    world.ask("PATCH", f"users/{user}", {"roles": ["admin"]})
    secret = token(user)
    for name in ("Authorization", "X-Admin-Key"):
        answer = httpx.get(f"{world.rig.admin_url}/v1/admin/users", headers={name: f"Bearer {secret}"})
        assert answer.status_code == 401, name
    own = {"Authorization": f"Bearer {secret}"}
    assert world.register(secret).status_code == 401
    rotation = {"overlap_seconds": 60, "preshared_key": secret}
    rotated = world.http.post("/v1/me/key/rotate", json=rotation, headers=own)
    assert (rotated.status_code, "key" in rotated.text) == (409, True)
    shown = world.http.get("/v1/me", headers=own).json()
    assert (shown["user"], shown["key"]) == (user, None)
    # In the query, a token is no credential.
    assert world.http.get(f"/v1/tools?access_token={secret}").status_code == 401


@pytest.mark.parametrize("how", ["suspend", "remove"])
def test_fifty_open_streams_end_with_their_user_or_issuer(
    world: World, issuer: dict[str, Any], user: str, how: str
) -> None:
    mapped(world, issuer, "eng", "tools")
    secret, port = token(user, "eng"), world.rig.ports["port"]

    async def listen_and_end() -> None:
        async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE):
            readers = [
                await stack.enter_async_context(opened(port, opening(secret, number))) for number in range(50)
            ]
            if how == "suspend":
                await asyncio.to_thread(world.ask, "PATCH", f"users/{user}", {"status": "suspended"})
            else:
                await asyncio.to_thread(world.ask, "DELETE", "issuers/realm")
            for reader in readers:
                await reader.readuntil(LAST_CHUNK)

    asyncio.run(listen_and_end())
