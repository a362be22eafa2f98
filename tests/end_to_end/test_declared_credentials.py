"""Administrators declare credentials with the real commands: they are tested, published, exported and applied."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.faces import MODERN
from tests.end_to_end.world import GROUP, World, downstream, running
from tests.fakes.hashicorp_vault import FakeVault
from tests.fakes.hashicorp_vault import answer as vault_answer
from tests.fakes.hashicorp_vault import secret as vault_secret
from tests.rig import Rig

BEARER = ("--header", "Authorization", "--template", "Bearer {}")


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[str]:
    """Run a server that offers a tool named after the credential it received, and return its URL."""
    with downstream(tmp_path, "--http", "--own-tools", server="echoing_server") as found:
        yield found.url


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """Return a reference to a file that holds `0nce`."""
    (tmp_path / "secret").write_text("0nce\n")
    return f"file://{tmp_path}/secret"


def draft(world: World, url: str) -> str:
    name = world.fresh("echo")
    world.rig.admin("mcp", "add", name, "--url", url)
    return name


def offered(world: World, *words: str) -> set[str]:
    return {tool["name"] for tool in world.rig.admin_json(*words)}


def test_what_only_users_have_is_tested_with_a_value_that_is_given_once(
    world: World, echo: str, secret: str
) -> None:
    name = draft(world, echo)
    world.rig.admin("credential", "declare", name, "token", *BEARER)
    refused = world.rig.admin("mcp", "test", name, expect=6)
    assert "only its users have a value for token" in refused.stderr
    assert f"mcp test {name} --credential FIELD=env://NAME" in refused.stderr
    given = ("--credential", f"token={secret}")
    assert f"{name}.of_0nce" in offered(world, "mcp", "test", name, *given)
    world.rig.admin("mcp", "publish", name, *given)
    assert f"{name}.of_0nce" in {tool["name"] for tool in world.ask("GET", f"mcps/{name}/tools")["items"]}
    events = world.events(resource=name)
    assert {event["action"] for event in events} >= {"admin:mcp:test", "admin:mcp:publish"}
    assert "Bearer 0nce" not in json.dumps(events) + json.dumps(world.ask("GET", f"mcps/{name}"))
    assert "Bearer 0nce" not in world.log_text()


def test_without_a_value_it_is_published_untested_with_a_warning(world: World, echo: str) -> None:
    name = draft(world, echo)
    world.rig.admin("credential", "declare", name, "token", *BEARER)
    published = world.rig.admin("mcp", "publish", name)
    assert "becomes known when the first user's connection lists it" in published.stderr
    (event,) = world.events(action="admin:mcp:publish", resource=name)
    assert (event["details"]["tested"], event["details"]["tools"]) == (False, [])


def test_a_shared_value_is_sent_and_one_that_cannot_be_read_is_refused(
    world: World, echo: str, secret: str, tmp_path: Path
) -> None:
    name = draft(world, echo)
    world.rig.admin("credential", "declare", name, "token", *BEARER, "--from", secret)
    assert f"{name}.of_0nce" in offered(world, "mcp", "test", name)
    (tmp_path / "secret").unlink()
    refused = world.rig.admin("mcp", "publish", name, expect=7)
    assert f"Credential 'token' cannot be read from {secret}" in refused.stderr
    assert world.ask("GET", f"mcps/{name}")["status"] == "draft"


def test_a_file_publishes_with_the_same_warning(world: World, echo: str) -> None:
    name, label = world.fresh("echo"), f"ci/{world.fresh('label')}"
    token = {"name": "token", "place": "header", "target": "Authorization", "template": "Bearer {}"}
    mcp = {"name": name, "transport": "streamable_http", "options": {"url": echo}, "published": True}
    document = json.dumps({"owner": label, "mcps": [mcp | {"credentials": {"fields": [token]}}]})
    applied = world.rig.admin("apply", "-f", "-", stdin=document)
    assert f"mcp {name}: What it offers becomes known when the first user" in applied.stderr
    assert world.ask("GET", f"mcps/{name}")["status"] == "published"
    wrong = document.replace("header", "cookie")
    refused = world.rig.admin("apply", "-f", "-", stdin=wrong, expect=2)
    assert "credentials: fields: place: must be environment or header or query or argument" in refused.stderr


def test_declarations_are_exported_and_applied_again(world: World, echo: str) -> None:
    name = draft(world, echo)
    label = f"ci/{world.fresh('label')}"
    world.rig.admin("mcp", "update", name, "--owner", label)
    words = (
        "--title",
        "Wiki: token",
        "--help-text",
        "# 'Settings'",
        "--list-with",
        "env://LIST",
        "--optional",
    )
    world.rig.admin("credential", "declare", name, "token", *BEARER, *words)
    world.rig.admin("credential", "declare", name, "team", "--query", "team", "--not-secret")
    declared = world.rig.admin_json("credential", "fields", name)
    exported = world.rig.admin("export", "--owner", label).stdout
    assert world.rig.admin("diff", "-f", "-", "--prune", stdin=exported).stdout == ""
    world.rig.admin("credential", "undeclare", name, "token", "--yes")
    world.rig.admin("credential", "oauth", name, "--scope", "read", "--private-addresses")
    difference = world.rig.admin("diff", "-f", "-", stdin=exported, expect=10)
    assert "credentials: " in difference.stdout
    world.rig.admin("apply", "-f", "-", "--yes", stdin=exported)
    assert world.rig.admin_json("credential", "fields", name) == declared
    without = exported.replace(
        exported[exported.index("  credentials:") : exported.index("  published:")], ""
    )
    assert "credentials" not in without
    assert world.rig.admin("diff", "-f", "-", stdin=without).stdout == ""


@pytest.mark.parametrize(
    ("needs", "text"),
    [
        (
            {"fields": [{"name": "t", "place": "header", "target": "A", "reference": "hunter2"}]},
            "by reference",
        ),
        ({"fields": [{"name": "t", "place": "cookie", "target": "A"}]}, "place: must be one of"),
        ({"fields": [{"name": "t", "place": "header", "target": "A", "value": "x"}]}, "value"),
        (
            {"fields": [{"name": "t", "place": "environment", "target": "A"}]},
            "header or query, not environment",
        ),
        ({"oauth": {"grant": "implicit"}}, "grant: must be one of"),
        (
            {"oauth": {"client_id": "us", "client_secret": "hunter2", "issuer": "https://issuer"}},
            "by reference",
        ),
        ({"oauth": {"token_endpoint": "http://issuer/token"}}, "must be an https:// URL"),
    ],
)
def test_a_wrong_declaration_is_refused_whole(world: World, echo: str, needs: object, text: str) -> None:
    name = draft(world, echo)
    for method, path in (
        ("PATCH", f"/v1/admin/mcps/{name}"),
        ("PUT", f"/v1/admin/mcps/{world.fresh('other')}"),
    ):
        body = {"transport": "streamable_http", "options": {"url": echo}, "credentials": needs}
        refused = world.admin.request(method, path, json=body)
        assert refused.status_code == 400
        assert text in refused.text
        assert "hunter2" not in refused.text
    assert world.ask("GET", f"mcps/{name}")["credentials"] == {}


def test_a_change_that_does_not_connect_can_be_stored_untested(world: World, echo: str) -> None:
    name = draft(world, echo)
    world.rig.admin("credential", "declare", name, "key", "--header", "X-Key", "--optional")
    world.rig.admin("mcp", "publish", name)
    closed = ("mcp", "update", name, "--url", "http://127.0.0.1:1/mcp")
    refused = world.rig.admin(*closed, expect=7)
    assert "hint: nothing was changed; --no-test stores it without testing the connection" in refused.stderr
    world.rig.admin(*closed, "--no-test")
    world.rig.admin("credential", "undeclare", name, "key", "--yes", expect=7)
    world.rig.admin("credential", "undeclare", name, "key", "--yes", "--no-test")
    assert world.ask("GET", f"mcps/{name}")["credentials"] == {}


def test_a_batch_tests_nothing_and_takes_no_values(world: World, echo: str) -> None:
    name = draft(world, echo)
    operation = {"kind": "put-mcp", "name": name, "set": {"one_time_values": {"token": "x"}}}
    refused = world.admin.post("/v1/admin/batch", json={"operations": [operation]})
    assert refused.status_code == 400
    assert "tests no connection" in refused.text


def test_a_shared_value_comes_from_a_vault_of_hashicorp(
    prepared: Rig, echo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server reads it for a test and for calls, also in the options, and says why it cannot."""
    vault = FakeVault()
    vault.answers(vault_secret(key="sh4red"))
    monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{vault.port}")
    monkeypatch.setenv("VAULT_TOKEN", "hvs.t0ken")
    reference = "hashicorp://secret/team/wiki#key"
    try:
        with running(tmp_path, prepared) as started:
            name = draft(started, echo)
            started.rig.admin("credential", "declare", name, "key", *BEARER, "--from", reference)
            assert f"{name}.of_sh4red" in offered(started, "mcp", "test", name)
            started.rig.admin("mcp", "publish", name)
            started.ask("POST", "grants", {"group": GROUP, "mcp": name})
            received = started.caller().call(MODERN, f"{name}__received", {})
            assert json.loads(received.text)["headers"] == {"Authorization": "Bearer sh4red"}
            started.rig.admin("mcp", "update", name, "--url", echo, "--header", f"X-Key={reference}")
            assert vault.requests[0].startswith(b"GET /v1/secret/data/team/wiki HTTP/1.1\r\n")
            vault.answers(vault_answer("503 Service Unavailable", b'{"errors":["Vault is sealed"]}'))
            other = draft(started, echo)
            sealed = "hashicorp://secret/team/other#key"
            started.rig.admin("credential", "declare", other, "key", *BEARER, "--from", sealed)
            refused = started.rig.admin("mcp", "publish", other, expect=7)
            assert "Credential 'key' cannot be read" in refused.stderr
            assert "is sealed" in refused.stderr
            assert "hvs.t0ken" not in started.log_text() + json.dumps(started.events())
    finally:
        vault.close()


def test_a_service_account_without_a_token_is_not_published(world: World, echo: str, secret: str) -> None:
    """Nobody serves the token endpoint; a server that answered as it likes is tested with the OAuth client."""
    name = draft(world, echo)
    account = ("--grant", "service-account", "--client-id", "us", "--client-secret", secret)
    endpoint = ("--token-endpoint", "http://127.0.0.1:1/token", "--private-addresses")
    world.rig.admin("credential", "oauth", name, *account, *endpoint)
    refused = world.rig.admin("mcp", "publish", name, expect=7)
    assert "AMB-4001" in refused.stderr
    assert world.ask("GET", f"mcps/{name}")["status"] == "draft"
    failed = world.events(action="admin:mcp:test", resource=name)[0]
    assert (failed["outcome"], failed["reason"]) == ("failed", "downstream_unavailable")
    assert failed["details"]["needs"]["oauth"]["exchange_endpoint"] == "http://127.0.0.1:1/token"
    assert "0nce" not in json.dumps(world.events(resource=name))
