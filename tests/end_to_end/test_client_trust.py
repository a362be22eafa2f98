"""The first connection to a server with TLS: verified by a fingerprint or a CA file, else refused."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.test_client_identity import Client
from tests.end_to_end.world import Person, World, end
from tests.rig import Rig


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig = Rig(tmp_path_factory.mktemp("sealed"), is_preloaded=True)
    rig.init()
    try:
        rig.start()
        rig.admin("user", "create", "alice")
        yield rig
    finally:
        end(rig)


@pytest.fixture
def person(sealed: Rig) -> Person:
    issued = sealed.admin_json("key", "issue", "alice", "--name", "laptop")
    return Person("alice", issued["key"]["id"], issued["preshared_key"])


@pytest.fixture
def client(sealed: Rig, tmp_path: Path) -> Client:
    return Client(World(sealed), tmp_path)


def test_unverified_server_is_refused_before_the_key_is_sent(client: Client, person: Person) -> None:
    refused = client.run("login", client.world.rig.client_url, stdin=person.key, expect=7)
    assert refused.stderr.startswith("AMB-5002 ")
    assert "--fingerprint" in refused.stderr
    wrong = client.run(
        "login", client.world.rig.client_url, "--fingerprint", "0" * 64, stdin=person.key, expect=7
    )
    assert wrong.stderr.startswith("AMB-5002 no certificate of ")
    short = client.run("login", client.world.rig.client_url, "--fingerprint", "12", stdin="x", expect=2)
    assert short.stderr == (
        "AMB-1001 --fingerprint is wrong: it must be a SHA-256 fingerprint of 64 hexadecimal digits. "
        "Run: ambassador-client login --help\n"
    )
    ftp = client.run("login", "ftp://x", stdin="x", expect=2)
    assert ftp.stderr.startswith("AMB-1001 URL is wrong: it must look like https://")


@pytest.mark.parametrize("how", ["fingerprint", "file"])
def test_trusted_certificate_is_stored_with_the_account(client: Client, person: Person, how: str) -> None:
    facts = client.world.rig.facts
    proof = (
        ("--fingerprint", facts["ca_fingerprint"])
        if how == "fingerprint"
        else ("--ca-file", facts["ca_file"])
    )
    client.login(person, *proof)
    assert client.json("whoami")["user"] == "alice"
    assert client.json("status")["key_accepted"] is True
    answer = client.run("proxy", stdin='{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n')
    assert json.loads(answer.stdout)["result"]["tools"] == []
    client.run("logout")


def test_pin_works_without_login_and_without_a_ca_file(client: Client, person: Person) -> None:
    settings = {
        "MCP_AMBASSADOR_URL": client.world.rig.client_url,
        "MCP_AMBASSADOR_PRESHARED_KEY": person.key,
        "MCP_AMBASSADOR_FINGERPRINT": client.world.rig.facts["ca_fingerprint"],
    }
    listing = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n'
    for _ in range(2):
        answer = client.run("proxy", stdin=listing, **settings)
        assert json.loads(answer.stdout)["result"]["tools"] == []
    (kept,) = (client.home / ".local/state/mcp-ambassador/trust").iterdir()
    kept.write_text("not what has this fingerprint")
    assert client.json("whoami", **settings)["user"] == "alice"
    wrong = {**settings, "MCP_AMBASSADOR_FINGERPRINT": "0" * 64}
    assert client.run("whoami", expect=7, **wrong).stderr.startswith("AMB-5002 no certificate of ")


@pytest.mark.parametrize("known", ["nothing", "account", "CA file", "any certificate"])
@pytest.mark.parametrize("words", [["whoami"], ["status"], ["tools", "list"], ["login"]])
def test_wrong_fingerprint_fails_whatever_else_is_trusted(
    client: Client, person: Person, known: str, words: list[str]
) -> None:
    rig = client.world.rig
    settings = {"MCP_AMBASSADOR_URL": rig.client_url, "MCP_AMBASSADOR_PRESHARED_KEY": person.key}
    if known == "account":
        client.login(person, "--fingerprint", rig.facts["ca_fingerprint"])
        settings = {}
    elif known == "CA file":
        settings["MCP_AMBASSADOR_CA_FILE"] = rig.facts["ca_file"]
    elif known == "any certificate":
        settings["MCP_AMBASSADOR_ALLOW_SELF_SIGNED"] = "true"
    if words == ["login"]:
        words = ["login", rig.client_url, "--key-from", "-"]
    wrong = client.run(*words, "--fingerprint", "0" * 64, stdin=person.key, expect=7, **settings)
    assert "AMB-5002 no certificate of " in wrong.stderr
    right = rig.facts["ca_fingerprint"]
    assert (
        client.run(*words, "--fingerprint", right, stdin=person.key, **settings).stdout or words[0] == "tools"
    )


def test_fingerprint_without_a_certificate_is_refused(client: Client) -> None:
    setting = {"MCP_AMBASSADOR_PRESHARED_KEY": "amb_pk_x"}
    words = ["--fingerprint", "0" * 64]
    plain = client.run("whoami", "--server", "http://127.0.0.1:9", *words, expect=2, **setting)
    assert "http://127.0.0.1:9 has no certificate" in plain.stderr
    login = client.run("login", "http://127.0.0.1:9", *words, stdin="amb_pk_x", expect=2)
    assert "http://127.0.0.1:9 has no certificate" in login.stderr


def test_relay_refuses_a_wrong_fingerprint_though_the_account_has_a_ca(
    client: Client, person: Person
) -> None:
    client.login(person, "--fingerprint", client.world.rig.facts["ca_fingerprint"])
    listing = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n'
    answer = client.run("proxy", stdin=listing, MCP_AMBASSADOR_FINGERPRINT="0" * 64)
    assert "no certificate of " in json.loads(answer.stdout)["error"]["message"]
