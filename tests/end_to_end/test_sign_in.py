"""People sign in with the account of their organisation: real commands, real providers, and no token left anywhere."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ambassador_protocol.paths import SIGN_IN
from tests import preloaded
from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.connecting import BROWSER
from tests.end_to_end.signing_in import id_token, registered, trust
from tests.end_to_end.test_client_identity import Client
from tests.end_to_end.world import GROUP, Downstream, World, running
from tests.patience import PATIENCE
from tests.rig import BIN, Rig
from tests.server.downstream.authorization.iam_provider import iam_provider
from tests.server.downstream.authorization.oidc_provider import Browser, oidc_provider


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    with running(directory, prepared, limits=GENEROUS) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        yield started


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with oidc_provider() as url:
        yield url


@pytest.fixture(scope="module")
def login_client(provider: str) -> str:
    return registered(provider)


def client_of(world: World, home: Path, account: str) -> Client:
    return Client(world, home, BROWSER=f"{sys.executable} {BROWSER} %s", ACCOUNT=account)


def administer(client: Client, *words: str, expect: int = 0, **more: str) -> Any:
    """Run `ambassador-admin` as the user of this client, without the key of the tests."""
    environment = {**client.environment, **more}
    done = preloaded.run("ambassador-admin", *words, env=environment, timeout=PATIENCE)
    assert done.returncode == expect, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


def sign_in(world: World, client: Client, *words: str) -> Any:
    done = client.run("login", world.rig.client_url, "--sso", "--machine", "desk", *words, "-o", "json")
    return json.loads(done.stdout)


def usable_keys(world: World, user: str) -> list[Any]:
    listed = world.admin.get("/v1/admin/keys", params={"filter": f"user={user}"}).json()["items"]
    return [each for each in listed if each["status"] == "active"]


def reasons(world: World, user: str) -> list[str]:
    found = world.events(action="session:sign-in:refuse")
    return [each["reason"] for each in found if each["details"].get("user") == user]


def text_under(*places: Path) -> bytes:
    files = [file for place in places for file in (place.rglob("*") if place.is_dir() else [place])]
    return b"".join(file.read_bytes() for file in files if file.is_file())


@pytest.fixture
def name(world: World, provider: str, login_client: str) -> Iterator[str]:
    trust(world, provider, login_client)
    yield world.fresh("person")
    if any(each["name"] == "org" for each in world.ask("GET", "issuers")["items"]):
        world.ask("DELETE", "issuers/org")


def test_a_person_signs_in_and_calls_and_the_next_key_of_the_machine_replaces_the_first(
    world: World, name: str, tmp_path: Path
) -> None:
    client = client_of(world, tmp_path, name)
    shown = sign_in(world, client)
    assert (shown["user"], shown["key_name"]) == (name, "org@desk")
    assert shown["key_expires_at"] is not None
    (first,) = usable_keys(world, name)
    world.ask("PUT", f"groups/{GROUP}/members/{name}")
    assert "hello" in client.run("call", "tools.echo", "text=hello").stdout
    again = sign_in(world, client)
    (second,) = usable_keys(world, name)
    assert again["key_name"] == "org@desk"
    assert second["id"] != first["id"]
    assert "hello" in client.run("call", "tools.echo", "text=hello").stdout
    accepted = world.events(action="session:sign-in:accept", user=name)
    assert [each["details"]["replaces"] for each in accepted] == [[first["id"]], []]
    assert accepted[0]["resource"]["name"] == "org"


def test_no_token_of_the_provider_is_kept_anywhere(world: World, name: str, tmp_path: Path) -> None:
    client = client_of(world, tmp_path, name)
    sign_in(world, client)
    found = text_under(tmp_path, world.rig.data_dir, world.rig.log_file)
    assert name.encode() in found
    assert re.search(rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ", found) is None
    assert b"id_token" not in found
    assert b"access_token" not in found


def test_an_administrator_signs_in_with_the_roles_that_the_user_has_here(
    world: World, name: str, tmp_path: Path
) -> None:
    client, url = client_of(world, tmp_path, name), world.rig.admin_url
    world.ask("POST", "users", {"name": name, "source": "external"})
    refused = administer(client, "login", url, "--sso", expect=3)
    assert "no_role" in refused.stderr
    assert "no_role" in reasons(world, name)
    world.ask("PATCH", f"users/{name}", {"roles": ["operator"]})
    administer(client, "login", url, "--sso", "--context", "org")
    who = json.loads(administer(client, "whoami", "--context", "org", "-o", "json").stdout)
    assert (who["name"], who["kind"], who["roles"]) == (name, "login", ["operator"])
    world.ask("PATCH", f"users/{name}", {"roles": []})
    administer(client, "whoami", expect=3)
    found = text_under(tmp_path, world.rig.data_dir, world.rig.log_file)
    assert re.search(rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ", found) is None


def test_people_who_are_refused_are_told_why_and_the_audit_knows(
    world: World, name: str, tmp_path: Path
) -> None:
    client, url = client_of(world, tmp_path, name), world.rig.client_url
    sign_in(world, client)
    world.ask("PATCH", f"users/{name}", {"status": "deactivated"})
    client.run("whoami", expect=3)
    assert "user_not_active" in client.run("login", url, "--sso", expect=3).stderr
    local = world.fresh("local")
    world.ask("POST", "users", {"name": local})
    stranger = client_of(world, tmp_path / "other", local)
    assert "user_is_local" in stranger.run("login", url, "--sso", expect=3).stderr
    assert reasons(world, name) == ["user_not_active"]
    assert reasons(world, local) == ["user_is_local"]


def test_a_removed_issuer_takes_its_keys_and_logins_along(world: World, name: str, tmp_path: Path) -> None:
    client, url = client_of(world, tmp_path, name), world.rig.admin_url
    world.ask("POST", "users", {"name": name, "source": "external", "roles": ["auditor"]})
    sign_in(world, client)
    administer(client, "login", url, "--sso")
    world.ask("DELETE", "issuers/org")
    client.run("whoami", expect=3)
    administer(client, "whoami", expect=3)
    assert usable_keys(world, name) == []
    told = client.run("login", world.rig.client_url, "--sso", expect=2).stderr
    assert "nobody can sign in" in told


def test_a_code_is_entered_on_another_machine(world: World, name: str, tmp_path: Path) -> None:
    client = client_of(world, tmp_path, name)
    words = ["login", world.rig.client_url, "--sso", "--device", "--machine", "ssh", "-o", "json"]
    with subprocess.Popen(
        [BIN / "ambassador-client", *words],
        env=client.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            told = process.stderr.readline() + process.stderr.readline()
            address = re.search(r"Or open (\S+)", told)
            assert address, told

            async def enter() -> None:
                async with Browser(name) as browser:
                    await browser.enter_code(address[1])

            asyncio.run(asyncio.wait_for(enter(), PATIENCE))
            output, errors = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    assert json.loads(output)["key_name"] == "org@ssh"


def test_a_token_is_exchanged_once_and_only_by_those_who_asked_for_it(
    world: World, provider: str, login_client: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = id_token(world, provider, login_client, name, monkeypatch)

    def exchange(nonce: str) -> httpx.Response:
        body = {"id_token": found.token, "nonce": nonce, "machine": "desk"}
        return world.http.post(SIGN_IN, json=body)

    stolen = exchange("x" * 64)
    assert stolen.status_code == 401
    assert "wrong_nonce" in stolen.text
    assert exchange(found.nonce).status_code == 201
    again = exchange(found.nonce)
    assert again.status_code == 401
    assert "used_already" in again.text
    assert len(usable_keys(world, name)) == 1
    body = {"id_token": found.token, "nonce": found.nonce}
    assert world.admin.post("/v1/admin/sign-in", json=body).status_code == 401
    # A token of people is none for calls, and one for calls is none of people.
    headers = {"Authorization": f"Bearer {found.token}"}
    assert world.http.get("/v1/tools", headers=headers).status_code == 401


def test_people_of_pytest_iam_sign_in_with_both_commands(world: World, tmp_path: Path) -> None:
    """A second provider by others, which calls its user by a name of its own, and names itself with each code."""
    with iam_provider() as provider:
        one_code_each = {
            "redirect_uris": ["http://127.0.0.1/callback"],
            "grant_types": ["authorization_code"],
        }
        people = {**one_code_each, "scope": "openid profile"}
        trust(world, provider, registered(provider, **people))
        client = client_of(world, tmp_path, "unused")
        name = sign_in(world, client)["user"]
        assert [each["name"] for each in usable_keys(world, name)] == ["org@desk"]
        world.ask("PATCH", f"users/{name}", {"roles": ["auditor"]})
        trust(world, provider, registered(provider, **people))
        administer(client, "login", world.rig.admin_url, "--sso", "--context", "org")
        who = json.loads(administer(client, "whoami", "--context", "org", "-o", "json").stdout)
        assert (who["name"], who["roles"]) == (name, ["auditor"])
        world.ask("DELETE", "issuers/org")
        assert usable_keys(world, name) == []


@pytest.mark.parametrize(
    "issuer", [{"algorithms": ["HS256"], "key_source": "secret", "key_place": "env://X"}]
)
def test_an_issuer_with_a_shared_secret_signs_nobody_in(world: World, issuer: dict[str, Any]) -> None:
    body = {"url": "chat", "group_prefix": "chat.", "login_client_id": "x", **issuer}
    answer = world.admin.put("/v1/admin/issuers/chat", json=body)
    assert answer.status_code == 400
    assert "login_client_id" in answer.text


def test_options_that_do_not_go_together_are_refused(world: World, tmp_path: Path) -> None:
    client, url = client_of(world, tmp_path, "alice"), world.rig.client_url
    assert "goes with --sso" in client.run("login", url, "--device", expect=2).stderr
    assert "cannot be used" in client.run("login", url, "--sso", "--code", "x", expect=2).stderr
    assert "go with --sso" in administer(client, "login", world.rig.admin_url, "--device", expect=2).stderr
    both = administer(client, "login", world.rig.admin_url, "--sso", "--user", "a", expect=2)
    assert "--user and --sso" in both.stderr
    assert "there is no issuer" not in client.run("login", url, "--sso", "--issuer", "x", expect=2).stderr
