"""Commands of a user's own client against a real server: login, whoami, key rotation, logout."""

import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import preloaded
from tests.end_to_end.world import Person, World
from tests.patience import PATIENCE
from tests.rig import BIN


class Client:
    """The client of one user, with files of its own and no keyring."""

    def __init__(self, world: World, home: Path, **more: str) -> None:
        self.world = world
        self.home = home
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(home),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            **more,
        }

    def run(self, *words: str, expect: int = 0, stdin: str = "", **more: str) -> Any:
        environment = {**self.environment, **more}
        done = preloaded.run("ambassador-client", *words, env=environment, stdin=stdin, timeout=PATIENCE)
        assert done.returncode == expect, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def json(self, *words: str, expect: int = 0, **more: str) -> Any:
        return json.loads(self.run(*words, "-o", "json", expect=expect, **more).stdout)

    def login(self, person: Person, *words: str) -> Any:
        url = self.world.rig.client_url
        done = self.run("login", url, "--key-from", "env://KEY", *words, "-o", "json", KEY=person.key)
        return json.loads(done.stdout)

    @property
    def secrets(self) -> list[Path]:
        return sorted(self.home.rglob("*.secret"))


@pytest.fixture
def client(world: World, tmp_path: Path) -> Client:
    return Client(world, tmp_path)


def test_user_logs_in_with_a_one_time_code(client: Client, world: World) -> None:
    name = world.person().name
    code = world.rig.admin_json("key", "enrol", name, "--name", "desk", "--key-for", "90d")["code"]
    told = client.run("login", world.rig.client_url, "--code", code)
    assert name in told.stdout
    (secret,) = client.secrets
    assert str(secret) in told.stdout
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    key = secret.read_text()
    assert key.startswith("amb_pk_")
    assert key not in told.stdout + told.stderr
    who = client.json("whoami")
    assert (who["user"], who["key"], who["tools"] > 0) == (name, "desk", True)
    assert client.json("status")["key_accepted"] is True
    spent = client.run("login", world.rig.client_url, "--code", code, expect=3)
    assert spent.stderr.startswith("AMB-2001 ")


@pytest.mark.parametrize("how", ["stdin", "file", "code on stdin"])
def test_key_or_code_is_read_from_every_source_except_the_command_line(
    client: Client, world: World, how: str
) -> None:
    person = world.person()
    secret, source = person.key, "-"
    if how == "file":
        (client.home / "key").write_text(person.key)
        source = f"file://{client.home / 'key'}"
    if how == "code on stdin":
        secret = world.ask("POST", "enrolments", {"user": person.name, "name": "x"})["code"]
    client.run("login", world.rig.client_url, "--key-from", source, stdin=secret + "\n")
    assert client.json("whoami")["user"] == person.name
    refused = client.run("login", world.rig.client_url, "--key-from", person.key, expect=2)
    assert person.key not in refused.stderr


def test_wrong_key_is_not_stored(client: Client, world: World) -> None:
    wrong = client.run("login", world.rig.client_url, stdin="amb_pk_" + "A" * 48, expect=3)
    assert wrong.stderr.startswith("AMB-2001 ")
    assert wrong.stderr.count("\n") == 1
    assert client.secrets == []
    assert client.json("accounts") == []


def test_several_accounts_exist_and_one_is_the_default(client: Client, world: World) -> None:
    first, second = world.person(), world.person()
    client.login(first, "--account", "one")
    client.login(second, "--account", "two")
    assert client.json("whoami")["user"] == second.name
    assert client.json("whoami", "--account", "one")["user"] == first.name
    assert client.json("whoami", MCP_AMBASSADOR_ACCOUNT="one")["user"] == first.name
    client.run("account", "use", "one")
    assert client.json("whoami")["user"] == first.name
    assert [(each["account"], each["default"]) for each in client.json("accounts")] == [
        ("one", True),
        ("two", False),
    ]
    client.run("logout", "--account", "one")
    assert client.json("whoami")["user"] == second.name
    assert len(client.secrets) == 1
    client.run("logout")
    assert client.secrets == []
    assert client.run("whoami", expect=2).stderr.startswith("AMB-5003 no server address is set")


def test_account_of_another_user_is_replaced_only_on_request(client: Client, world: World) -> None:
    first, second = world.person(), world.person()
    url = world.rig.client_url
    client.login(first)
    (secret,) = client.secrets
    kept = secret.read_text()
    refused = client.run("login", url, "--key-from", "-", stdin=second.key, expect=6).stderr
    assert refused.startswith("AMB-1006 account ")
    assert f"is {first.name} at {url}; this login is of {second.name} at {url}. " in refused
    assert "--account NAME, or add --replace" in refused
    assert (client.json("whoami")["user"], secret.read_text()) == (first.name, kept)
    newer = world.ask("POST", "keys", {"user": first.name, "name": "newer"})["preshared_key"]
    client.run("login", url, "--key-from", "-", stdin=newer)
    assert secret.read_text() == newer
    client.login(second, "--replace")
    assert client.json("whoami")["user"] == second.name
    assert len(client.json("accounts")) == 1


def test_account_of_another_server_is_replaced_only_on_request(client: Client, world: World) -> None:
    person = world.person()
    client.login(person, "--account", "work")
    book = next(client.home.rglob("accounts.json"))
    book.write_text(book.read_text().replace(world.rig.client_url, "https://elsewhere.example:8443"))
    words = ["login", world.rig.client_url, "--key-from", "-", "--account", "work"]
    refused = client.run(*words, stdin=person.key, expect=6).stderr
    assert f"account work is {person.name} at https://elsewhere.example:8443; " in refused
    assert f"this login is for {world.rig.client_url}. " in refused
    assert "elsewhere" in book.read_text()
    client.run(*words, "--replace", stdin=person.key)
    assert client.json("whoami")["server"] == world.rig.client_url


def test_key_of_a_code_is_not_lost_when_the_account_is_of_another_user(client: Client, world: World) -> None:
    first, second = world.person(), world.person()
    url = world.rig.client_url
    client.login(first)
    code = world.ask("POST", "enrolments", {"user": second.name, "name": "desk"})["code"]
    refused = client.run("login", url, "--code", code, expect=6).stderr
    assert f"is {first.name} at {url}; this login is of {second.name} at {url}. " in refused
    assert client.json("whoami")["user"] == first.name
    name = refused.rpartition("account use ")[2].strip()
    assert name.startswith(f"{second.name}@")
    client.run("account", "use", name)
    assert client.json("whoami")["user"] == second.name


def test_change_of_the_default_account_is_told(client: Client, world: World) -> None:
    client.login(world.person(), "--account", "one")
    done = client.run(
        *("login", world.rig.client_url, "--account", "two", "--key-from", "-"), stdin=world.person().key
    )
    assert "The default account was one; it is two now." in done.stderr
    again = client.run(
        *("login", world.rig.client_url, "--account", "three", "--keep-default", "--key-from", "-"),
        stdin=world.person().key,
    )
    assert "default account" not in again.stderr


def test_key_is_sent_only_to_its_own_server(client: Client, world: World) -> None:
    client.login(world.person())
    elsewhere = client.run("whoami", "--server", "http://127.0.0.1:9", expect=3)
    assert elsewhere.stderr.startswith("AMB-5004 ")
    named = client.run("whoami", "--account", "nobody", expect=2)
    assert "there is no account 'nobody'" in named.stderr


def test_rotated_key_replaces_the_stored_one(client: Client, world: World) -> None:
    person = world.person()
    client.login(person)
    rotated = client.json("key", "rotate", "--overlap", "1h")
    assert rotated["old_key_ends_at"] is not None
    (secret,) = client.secrets
    assert secret.read_text() != person.key
    assert client.json("whoami")["user"] == person.name
    assert world.register(person.key).status_code == 201
    setting = {"MCP_AMBASSADOR_URL": world.rig.client_url, "MCP_AMBASSADOR_PRESHARED_KEY": person.key}
    refused = client.run("key", "rotate", expect=2, **setting)
    assert "comes from a setting" in refused.stderr


def test_relay_uses_the_account_and_logout_ends_its_session(client: Client, world: World) -> None:
    person = world.person()
    client.login(person)
    listing = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n'
    answer = client.run("proxy", stdin=listing)
    assert "tools__echo" in answer.stdout
    process = subprocess.Popen(
        [str(BIN / "ambassador-client"), "proxy"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=client.environment,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(listing.encode())
    process.stdin.flush()
    assert b"tools__echo" in process.stdout.readline()
    process.kill()
    process.communicate(timeout=PATIENCE)
    assert len(world.ask("GET", f"sessions?filter=user={person.name}")["items"]) == 1
    client.run("logout")
    assert world.ask("GET", f"sessions?filter=user={person.name}")["items"] == []


@pytest.mark.parametrize("words", [["whoami"], ["status"], ["key", "rotate"]])
def test_unreachable_server_is_named(client: Client, world: World, words: list[str]) -> None:
    client.login(world.person())
    book = next(client.home.rglob("accounts.json"))
    book.write_text(book.read_text().replace(world.rig.client_url, "http://127.0.0.1:9"))
    gone = client.run(*words, expect=7)
    assert gone.stderr.startswith("AMB-5001 cannot reach http://127.0.0.1:9 ")
    assert gone.stderr.count("\n") == 1


def test_damaged_and_shared_files_are_reported(client: Client, world: World) -> None:
    client.login(world.person())
    (secret,) = client.secrets
    secret.chmod(0o644)
    assert f"chmod 600 {secret}" in client.run("whoami", expect=2).stderr
    secret.unlink()
    assert client.run("whoami", expect=3).stderr.startswith("AMB-5004 the key of account ")
    next(client.home.rglob("accounts.json")).write_text("{")
    assert "is damaged. Delete it" in client.run("whoami", expect=2).stderr
