"""An issuer is changed in part: by the command and by PATCH, with effect from the next request, and in the audit."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import httpx
import pytest

from ambassador_protocol.admin.issuer_presets import LOGIN_SCOPES
from ambassador_protocol.admin.issuers import IssuerChange, IssuerPut
from tests.end_to_end.identity_provider import identity_provider
from tests.end_to_end.world import World
from tests.fakes.issuer import claims_of, sign

AUDIENCE = "https://mcp.example.com/mcp"


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with identity_provider() as url:
        yield url


@pytest.fixture
def issuer(world: World, provider: str) -> Iterator[dict[str, Any]]:
    rules = {"url": provider, "audiences": [AUDIENCE], "group_prefix": "login.", "private_addresses": True}
    yield world.ask("POST", "issuers", {"name": "login", **rules, "creates_users": True})
    world.ask("DELETE", "issuers/login")


def patched(world: World, **change: Any) -> dict[str, Any]:
    found: dict[str, Any] = world.ask("PATCH", "issuers/login", change)
    return found


def refused(world: World, **change: Any) -> httpx.Response:
    answer = world.admin.patch("/v1/admin/issuers/login", json=change)
    assert answer.status_code in (400, 404, 409), answer.text
    return answer


def listed(world: World, provider: str, name: str, **claims: Any) -> int:
    token = sign(claims_of(provider, sub=name, preferred_username=name, aud=AUDIENCE, **claims))
    return world.http.get("/v1/tools", headers={"Authorization": f"Bearer {token}"}).status_code


def test_a_change_can_say_what_a_replacement_says() -> None:
    assert {each.name: each.default for each in fields(IssuerChange)} == {
        each.name: None for each in fields(IssuerPut)
    }


def test_only_what_is_given_changes_and_the_audit_has_both(world: World, issuer: dict[str, Any]) -> None:
    after = patched(world, scopes=["mcp:tools"], creates_users=False)
    changed = {"scopes": ["mcp:tools"], "creates_users": False, "updated_at": after["updated_at"]}
    assert after == {**issuer, **changed}
    event = world.events(action="admin:issuer:update")[0]
    assert event["details"] == {
        "before": {"scopes": [], "creates_users": True},
        "after": {"scopes": ["mcp:tools"], "creates_users": False},
    }
    count = len(world.events(action="admin:issuer:update"))
    assert patched(world, scopes=["mcp:tools"])["updated_at"] == after["updated_at"]
    assert len(world.events(action="admin:issuer:update")) == count, "nothing has changed"


def test_the_next_request_is_decided_by_the_change(
    world: World, issuer: dict[str, Any], provider: str
) -> None:
    name = world.fresh("person")
    assert listed(world, provider, name) == 200
    patched(world, scopes=["mcp:tools"])
    assert listed(world, provider, name) == 403
    assert listed(world, provider, name, scope="mcp:tools") == 200
    patched(world, audiences=["https://other.example.com/mcp"])
    assert listed(world, provider, name, scope="mcp:tools") == 401
    patched(world, audiences=[AUDIENCE], scopes=[])
    assert listed(world, provider, name) == 200


def test_a_new_key_source_begins_with_its_defaults(world: World, issuer: dict[str, Any]) -> None:
    asked = {"key_source": "introspection", "client_id": "mcp", "client_secret": "env://SECRET"}
    after = patched(world, **asked)
    assert (after["algorithms"], after["client_id"], after["audiences"]) == ([], "mcp", [AUDIENCE])
    assert patched(world, client_secret="env://OTHER")["client_id"] == "mcp"
    after = patched(world, key_source="jwks", key_place="https://id.example.com/keys")
    assert (after["algorithms"], after["client_id"], after["client_secret"]) == (["RS256"], None, None)
    after = patched(world, key_source="discovery")
    assert (after["key_source"], after["key_place"]) == ("discovery", None)


def test_a_login_client_comes_with_scopes_and_goes_with_them(world: World, issuer: dict[str, Any]) -> None:
    assert patched(world, login_client_id="commands")["login_scopes"] == LOGIN_SCOPES
    assert patched(world, login_scopes=["openid"])["login_client_id"] == "commands"
    after = patched(world, login_client_id="")
    assert (after["login_client_id"], after["login_scopes"]) == (None, [])
    host = {"host_client_id": "hosts", "host_scopes": ["offline_access"], "host_omits_resource": True}
    assert patched(world, **host)["host_scopes"] == ["offline_access"]
    assert {**patched(world, host_client_id=""), "updated_at": ""} == {**after, "updated_at": ""}


def test_changes_that_contradict_the_rest_are_refused_and_change_nothing(
    world: World, issuer: dict[str, Any]
) -> None:
    assert "audiences" in refused(world, audiences=[]).text
    assert refused(world, group_map={"eng": "no-such-group"}).status_code == 404
    assert "login_scopes" in refused(world, login_scopes=["openid"]).text
    assert "HS256" in refused(world, algorithms=["HS256"]).text
    assert refused(world, url="").status_code == 400
    assert refused(world, scope=["x"]).status_code == 400
    assert world.admin.patch("/v1/admin/issuers/nobody", json={"scopes": []}).status_code == 404
    assert {**world.ask("GET", "issuers/login"), "warnings": issuer["warnings"]} == issuer


def test_the_command_changes_and_empties(world: World, issuer: dict[str, Any]) -> None:
    group = world.group("tools")
    run = world.rig.admin_json
    after = run(
        "issuer", "update", "login", "--map", f"eng={group}", "--scope", "mcp:tools", "--no-create-users"
    )
    assert (after["group_map"], after["scopes"], after["creates_users"]) == (
        {"eng": group},
        ["mcp:tools"],
        False,
    )
    after = run(
        "issuer", "update", "login", "--map", "", "--scope", "", "--keys-url", "https://id.example.com/keys"
    )
    assert (after["group_map"], after["scopes"], after["key_source"]) == ({}, [], "jwks")
    assert run("issuer", "update", "login", "--keys-url", "")["key_source"] == "discovery"
    planned = world.rig.admin("issuer", "update", "login", "--scope", "x", "--dry-run")
    assert "scopes" in planned.stdout
    assert world.ask("GET", "issuers/login")["scopes"] == []
    told = world.rig.admin("issuer", "update", "login", "--client-id", "mcp", expect=2).stderr
    assert "client_id" in told
