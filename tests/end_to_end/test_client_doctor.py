"""`doctor` reports faults in order, and `bugreport` never contains a secret."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.test_client_identity import Client
from tests.end_to_end.world import World


@pytest.fixture
def client(world: World, tmp_path: Path) -> Client:
    return Client(world, tmp_path)


def findings(client: Client, *words: str, expect: int = 0, **more: str) -> dict[str, Any]:
    told = json.loads(client.run("doctor", "--json", *words, expect=expect, **more).stdout)
    return {each["check"]: each for each in told}


def statuses(found: dict[str, Any]) -> dict[str, str]:
    return {name: each["status"] for name, each in found.items()}


def test_healthy_setup_has_no_failed_check(client: Client, world: World) -> None:
    client.login(world.person())
    found = findings(client)
    assert set(statuses(found).values()) <= {"ok", "warning"}
    assert {name for name, status in statuses(found).items() if status == "ok"} >= {
        "configuration",
        "files",
        "key",
        "address",
        "connection",
        "server",
        "clock",
        "session",
        "tools",
    }
    words = client.run("doctor").stdout
    assert "ok       session: user " in words
    assert "\x1b" not in words


def test_missing_key_is_reported_and_the_server_is_checked_nevertheless(client: Client, world: World) -> None:
    found = findings(client, expect=3, MCP_AMBASSADOR_URL=world.rig.client_url)
    assert (found["key"]["status"], found["key"]["code"]) == ("failed", "AMB-5004")
    assert statuses(found)["server"] == "ok"


def test_failed_check_skips_the_checks_that_depend_on_it(client: Client) -> None:
    nothing = findings(client, expect=2)
    assert nothing["configuration"]["code"] == "AMB-5003"
    assert statuses(nothing)["session"] == "skipped"
    settings = {"MCP_AMBASSADOR_URL": "http://127.0.0.1:9", "MCP_AMBASSADOR_PRESHARED_KEY": "amb_pk_x"}
    closed = findings(client, expect=7, **settings)
    assert (closed["connection"]["status"], closed["connection"]["code"]) == ("failed", "AMB-5001")
    assert "127.0.0.1:9" in closed["connection"]["cause"]
    assert statuses(closed)["server"] == "skipped"
    unknown = findings(client, expect=7, **{**settings, "MCP_AMBASSADOR_URL": "https://no-such-host.invalid"})
    assert unknown["address"]["status"] == "failed"


def test_refused_key_fails_the_session_check(client: Client, world: World) -> None:
    settings = {
        "MCP_AMBASSADOR_URL": world.rig.client_url,
        "MCP_AMBASSADOR_PRESHARED_KEY": "amb_pk_" + "A" * 48,
    }
    found = findings(client, expect=3, **settings)
    assert (found["session"]["code"], statuses(found)["tools"]) == ("AMB-2001", "skipped")


def test_permissions_of_files_are_changed_only_on_request(client: Client, world: World) -> None:
    client.login(world.person())
    (secret,) = client.secrets
    secret.chmod(0o644)
    assert findings(client, expect=2)["files"]["fix"] == "Run: ambassador-client doctor --fix"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o644
    assert findings(client, "--fix")["files"]["status"] == "ok"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_user_without_tools_is_warned(client: Client, world: World) -> None:
    client.login(world.person(world.group()))
    assert findings(client)["tools"]["status"] == "warning"


def test_report_has_the_settings_and_no_secret(client: Client, world: World) -> None:
    person = world.person()
    client.login(person)
    planted = {
        "MCP_AMBASSADOR_FRIENDLY_NAME": "planted-name",
        "MCP_AMBASSADOR_FINGERPRINT": "planted-fingerprint",
        "HTTPS_PROXY": "http://user:planted-password@proxy.invalid:3128",
        "no_proxy": "planted-user@inside.invalid, 127.0.0.1",
        "MCP_AMBASSADOR_HOST_TOOL": "amb_pk_planted",
    }
    done = client.run("bugreport", **planted)
    report = json.loads(done.stdout)
    assert report["versions"]["client"]
    assert report["settings"]["MCP_AMBASSADOR_FRIENDLY_NAME"] == "set"
    assert report["proxies"]["HTTPS_PROXY"] == "http://****@proxy.invalid:3128"
    assert len(report["doctor"]) > 10
    assert "planted" not in done.stdout + done.stderr
    assert person.key not in done.stdout
    env = {
        "MCP_AMBASSADOR_URL": f"{world.rig.client_url}?token=planted",
        "MCP_AMBASSADOR_PRESHARED_KEY": "planted-key-of-another-shape",
    }
    assert "planted" not in client.run("bugreport", **env).stdout


def test_codes_are_explained_by_both_command_lines(client: Client, world: World) -> None:
    for_user = client.json("errors", "show", "5001")
    for_administrator = world.rig.admin_json("errors", "show", "AMB-5001")
    assert [for_user["code"], for_administrator["code"]] == ["AMB-5001"] * 2
    assert list(for_user) == list(for_administrator) == ["code", "meaning", "remedies"]
    assert "`ambassador-client doctor`" in for_user["remedies"][0]
    assert "`ambassador-admin config view" in for_administrator["remedies"][0]
    assert "AMB-5001" in client.run("errors", "list").stdout
    assert "  - " in client.run("errors", "show", "amb-2001").stdout
    assert client.run("errors", "show", "AMB-9999", expect=5).stderr.startswith("AMB-1002 ")
    assert "AMB-1002" in world.rig.admin("errors", "show", "x", expect=5).stderr
