"""Opaque tokens are a way in on every face while their issuer calls them active, and no failure of it lets one in."""

import asyncio
import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES, LEGACY, MODERN, Face
from tests.end_to_end.test_access_tokens import LAST_CHUNK
from tests.end_to_end.test_kill_switches import slow_call
from tests.end_to_end.test_many_streams import opened, opening
from tests.end_to_end.world import Caller, Downstream, World, assert_nothing_internal, running, until
from tests.fakes.issuer import EC, IssuerServer, issuer_server
from tests.patience import PATIENCE
from tests.rig import Rig
from tests.server.downstream.authorization.oidc_provider import Browser, oidc_provider

REDIRECT = "http://127.0.0.1:3999/callback"
AUDIENCE = "https://ambassador.example.com/mcp"
SECRET = "the secret of this server at the provider"


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    with running(directory, prepared, limits={**GENEROUS, "failed_logins": "1000/minute"}) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        yield started


@pytest.fixture(autouse=True)
def _no_issuer_stays(world: World) -> Iterator[None]:
    yield
    for each in world.ask("GET", "issuers")["items"]:
        world.ask("DELETE", f"issuers/{each['name']}")


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with oidc_provider(resource=AUDIENCE, groups=["eng"], format="opaque") as url:
        yield url


@contextmanager
def hostile_issuer() -> Iterator[IssuerServer]:
    """Run an issuer of ours beside the test, which can do anything."""
    loop, started, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    found: list[IssuerServer] = []

    async def serve() -> None:
        async with issuer_server() as server:
            found.append(server)
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert started.wait(PATIENCE)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)
        loop.close()


@pytest.fixture
def server() -> Iterator[IssuerServer]:
    with hostile_issuer() as found:
        yield found


def trust(world: World, directory: Path, url: str, **more: Any) -> None:
    (directory / "client-secret").write_text(SECRET)
    body = {
        "url": url,
        "audiences": [AUDIENCE],
        "key_source": "introspection",
        "client_id": "ambassador",
        "client_secret": f"file://{directory / 'client-secret'}",
        "group_prefix": "asked.",
        "private_addresses": True,
        "user_claims": ["sub"],
        **more,
    }
    world.ask("PUT", "issuers/asked", body)


def say(server: IssuerServer, token: str, user: str, *, seconds: int = 600, **changes: Any) -> str:
    """Let the issuer call a token active, and return the token."""
    claims = {"aud": AUDIENCE, "sub": user, "groups": ["eng"], "exp": int(time.time()) + seconds}
    server.answers[token] = {"active": True, **claims, **changes}
    return token


@pytest.fixture
def user(world: World) -> str:
    name = world.fresh("user")
    world.ask("POST", "users", {"name": name, "source": "external"})
    return name


@dataclass(frozen=True)
class Login:
    """What a user got at the provider: opaque tokens, and the client that asked for them."""

    access: str
    refresh: str
    client: tuple[str, str]


def register(provider: str, **fields: Any) -> dict[str, Any]:
    body = {"client_name": "A client", "redirect_uris": [REDIRECT], **fields}
    found: dict[str, Any] = httpx.post(f"{provider}/reg", json=body, trust_env=False).json()
    assert "client_id" in found, found
    return found


def log_in(provider: str, account: str) -> Login:
    """Let a user consent, and return the tokens."""
    registered = register(
        provider,
        grant_types=["authorization_code", "refresh_token"],
        token_endpoint_auth_method="client_secret_basic",
    )
    client = registered["client_id"], registered["client_secret"]
    verifier = "v" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = httpx.QueryParams(
        response_type="code",
        client_id=client[0],
        redirect_uri=REDIRECT,
        scope="openid offline_access read",
        prompt="consent",
        state="s",
        code_challenge=challenge,
        code_challenge_method="S256",
        resource=AUDIENCE,
    )

    async def consent() -> str:
        async with Browser(account) as browser:
            back = await browser.callback(f"{provider}/auth?{query}", REDIRECT)
        assert "code" in back, back
        return back["code"]

    form = {
        "grant_type": "authorization_code",
        "code": asyncio.run(consent()),
        "redirect_uri": REDIRECT,
        "code_verifier": verifier,
        "resource": AUDIENCE,
    }
    answer = httpx.post(f"{provider}/token", data=form, auth=client, trust_env=False).json()
    return Login(answer["access_token"], answer["refresh_token"], client)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "private_key_jwt"])
def test_opaque_tokens_of_a_real_provider_are_a_way_in(
    world: World, directory: Path, provider: str, method: str
) -> None:
    if method == "private_key_jwt":
        pem = EC.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (directory / "client-key").write_bytes(pem)
        own = register(provider, token_endpoint_auth_method=method, jwks={"keys": [EC.public()]})
    else:
        own = register(provider, token_endpoint_auth_method=method)
        (directory / "client-key").write_text(own["client_secret"])
    more: dict[str, Any] = {}
    if method == "client_secret_post":
        # Nothing is known of an endpoint that is given, so that both ways are tried.
        more["key_place"] = f"{provider}/token/introspection"
    group = world.group("tools")
    trust(
        world,
        directory,
        provider,
        client_id=own["client_id"],
        client_secret=f"file://{directory / 'client-key'}",
        creates_users=True,
        group_map={"eng": group},
        scopes=["read"],
        **more,
    )
    name = world.fresh("person")
    login = log_in(provider, name)
    assert "." not in login.access
    caller = Caller(world.http, login.access)
    for face in FACES:
        assert "tools__echo" in caller.names(face)
        assert caller.call(face, "tools__echo", {"text": "hello"}).text == "hello"
    (accepted,) = world.events(action="session:token:accept", user=name)
    assert (accepted["resource"]["name"], accepted["details"]["groups"]) == ("asked", 1)
    explained = world.ask("POST", "issuers/asked/test", {"token": login.access})
    checks = ["form", "issuer", "active", "audience", "time", "scope", "user", "account"]
    assert [each["check"] for each in explained["checks"]] == checks
    assert (explained["accepted"], explained["user"]) == (True, name)
    assert Caller(world.http, login.refresh).send(LEGACY.listing(login.refresh)).status_code == 401
    assert world.ask("POST", "issuers/asked/test", {"token": login.refresh})["reason"] == "foreign_audience"
    revoked = log_in(provider, name)
    form = {"token": revoked.access}
    done = httpx.post(f"{provider}/token/revocation", data=form, auth=revoked.client, trust_env=False)
    assert done.status_code == 200, done.text
    assert Caller(world.http, revoked.access).send(LEGACY.listing(revoked.access)).status_code == 401
    log = "".join(each.read_text() for each in (world.rig.data_dir / "audit").rglob("*.jsonl"))
    for secret in (login.access, login.refresh, revoked.access, own.get("client_secret", SECRET)):
        assert secret not in log
        assert secret not in world.log_text()


@pytest.mark.parametrize("face", FACES, ids=str)
def test_answers_that_say_nothing_are_503_on_every_face(
    world: World, directory: Path, server: IssuerServer, user: str, face: Face
) -> None:
    group = world.group("tools")
    trust(world, directory, server.url, group_map={"eng": group})
    good = Caller(world.http, say(server, "good-token", user))
    assert good.call(face, "tools__echo", {"text": "hello"}).text == "hello"
    for number, (name, value) in enumerate(
        [
            ("status", 500),
            ("padding", 10 * 1024 * 1024),
            ("location", f"{server.url}/elsewhere"),
            ("answers", {f"token-{n}": "<html>no JSON</html>" for n in range(4)}),
        ]
    ):
        before = getattr(server, name)
        setattr(server, name, value)
        token = f"token-{number}"
        if name != "answers":
            say(server, token, user)
        response = Caller(world.http, token).send(face.call(token, "tools__echo", {"text": "x"}))
        assert response.status_code == 503, name
        assert_nothing_internal(response.text)
        assert token not in response.text
        setattr(server, name, before)
    for active in (1, "true", None):
        token = say(server, f"token-{active}", user, active=active)
        assert Caller(world.http, token).send(face.listing(token)).status_code == 503
    assert {event["reason"] for event in world.events(action="session:token:refuse")} >= {
        "introspection_failed"
    }


def test_refusals_are_explained_and_recorded_and_our_secrets_are_shown_to_no_issuer(
    world: World, directory: Path, server: IssuerServer, user: str
) -> None:
    trust(world, directory, server.url, token_prefix="acme_")
    wrong = {
        "inactive": "acme_unknown",
        "foreign_audience": say(server, "acme_other", user, aud="https://other.example.com"),
        "expired": say(server, "acme_old", user, seconds=-1),
        "no_expiry": say(server, "acme_endless", user, exp=None),
        "not_yet_valid": say(server, "acme_early", user, nbf=int(time.time()) + 120),
        "bound_to_key": say(server, "acme_bound", user, cnf={"jkt": "x"}),
        "unknown_user": say(server, "acme_nobody", "nobody-here"),
        "unknown_issuer": "other_token",
    }
    for reason, token in wrong.items():
        assert Caller(world.http, token).send(LEGACY.listing(token)).status_code == 401, reason
        assert world.ask("POST", "issuers/asked/test", {"token": token})["reason"] == reason
    found = {event["reason"] for event in world.events(action="session:token:refuse")}
    assert found >= wrong.keys()
    shown = {form["token"] for _, form in server.questions}
    person = world.person()
    for secret in (person.key, person.key[:-1] + "x", "amb_st_x", "amb_x", "other_token", "two words"):
        Caller(world.http, secret).send(LEGACY.listing(secret))
    assert {form["token"] for _, form in server.questions} == shown == {*wrong.values()} - {"other_token"}
    second = {
        "url": "https://other.example.com",
        "audiences": ["x"],
        "group_prefix": "other.",
        "key_source": "introspection",
        "client_id": "x",
        "client_secret": "env://X",
    }
    refused = world.admin.put("/v1/admin/issuers/other", json={**second, "token_prefix": "acme_"})
    assert (refused.status_code, "token_prefix" in refused.text) == (409, True)
    assert world.admin.put("/v1/admin/issuers/other", json=second).status_code == 201


@pytest.mark.parametrize("face", [LEGACY, MODERN], ids=str)
def test_revoking_a_token_stops_its_call_in_flight(
    world: World, directory: Path, server: IssuerServer, user: str, face: Face
) -> None:
    group = world.group("tools")
    trust(world, directory, server.url, group_map={"eng": group})
    # Of a token that ends soon the issuer is asked each second, while it is in use.
    caller = Caller(world.http, say(server, "short-token", user, seconds=14))
    with slow_call(world, caller, face) as future:
        asked = len(server.questions)
        until(lambda: len(server.questions) > asked, "the issuer is asked about a call in flight")
        assert not future.done()
        server.answers.clear()
        stopped = future.result(PATIENCE)
    assert stopped.failed
    (denied,) = world.events(action="call:tool:deny", user=user)
    assert denied["reason"] == "token_inactive"
    assert caller.send(face.listing(caller.secret)).status_code == 401


def test_revoking_a_token_ends_its_open_streams(
    world: World, directory: Path, server: IssuerServer, user: str
) -> None:
    group = world.group("tools")
    trust(world, directory, server.url, group_map={"eng": group})
    secret, port = say(server, "stream-token", user, seconds=14), world.rig.ports["port"]

    async def listen_and_end() -> None:
        async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE):
            readers = [
                await stack.enter_async_context(opened(port, opening(secret, number))) for number in range(20)
            ]
            server.answers.clear()
            for reader in readers:
                await reader.readuntil(LAST_CHUNK)

    asyncio.run(listen_and_end())
    assert len(server.questions) < 40, "one question for all streams with a token"


def test_an_issuer_that_is_asked_is_added_and_kept_in_files(
    world: World, directory: Path, server: IssuerServer
) -> None:
    (directory / "client-secret").write_text(SECRET)
    words = ["--url", server.url, "--audience", AUDIENCE, "--introspection", "--client-id", "ambassador"]
    words += ["--secret", f"file://{directory / 'client-secret'}", "--private-addresses"]
    added = world.rig.admin_json("issuer", "add", "asked", *words)
    assert (added["key_source"], added["algorithms"], added["user_claims"]) == (
        "introspection",
        [],
        ["username"],
    )
    file = directory / "state.yaml"
    file.write_text(
        json.dumps(
            {
                "owner": "ci/x",
                "issuers": [
                    {
                        "name": "filed",
                        "url": "https://filed.example.com",
                        "audiences": ["x"],
                        "key_source": "introspection",
                        "client_id": "ambassador",
                        "client_secret": "env://SECRET",
                        "token_prefix": "filed_",
                    }
                ],
            }
        )
    )
    world.rig.admin_json("apply", "-f", str(file), "--yes")
    filed = world.ask("GET", "issuers/filed")
    assert (filed["client_id"], filed["token_prefix"], filed["algorithms"]) == ("ambassador", "filed_", [])
    assert world.rig.admin("diff", "-f", str(file)).returncode == 0
    (created,) = [
        each for each in world.events(action="admin:issuer:create") if each["resource"]["name"] == "filed"
    ]
    assert created["details"]["client_secret"] == "env://SECRET", "a reference is no secret"
