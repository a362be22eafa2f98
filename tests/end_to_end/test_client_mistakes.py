"""Mistakes that people make with keys, variables, files and homes, and Ctrl-C, are answered in their own words."""

import json
import os
import signal
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ambassador_client.account.setting_sources import Flags
from ambassador_client.cli.command import Run
from tests.end_to_end.test_client_identity import Client
from tests.end_to_end.world import Downstream, World, until
from tests.patience import PATIENCE
from tests.rig import BIN

ADMIN_KEY = "amb_ak_" + "A" * 48
TOKEN = "amb_st_" + "A" * 100
LISTING = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n'


@pytest.fixture
def client(world: World, tmp_path: Path) -> Client:
    return Client(world, tmp_path)


def checks(client: Client, **settings: str) -> dict[str, Any]:
    done = client.run("doctor", "-o", "json", **settings)
    return {each["check"]: each for each in json.loads(done.stdout)}


@pytest.mark.parametrize(
    ("secret", "words"),
    [(ADMIN_KEY, "is an admin key (amb_ak_...)"), (TOKEN, "is a session token (amb_st_...)")],
)
def test_secret_of_another_kind_is_recognised(client: Client, world: World, secret: str, words: str) -> None:
    setting = {"MCP_AMBASSADOR_URL": world.rig.client_url, "MCP_AMBASSADOR_PRESHARED_KEY": secret}
    told = [
        client.run("login", world.rig.client_url, "--key-from", "-", stdin=secret, expect=3).stderr,
        client.run("login", world.rig.client_url, "--code", secret, expect=3).stderr,
        client.run("whoami", expect=3, **setting).stderr,
        client.run("doctor", expect=3, **setting).stdout,
        json.loads(client.run("proxy", stdin=LISTING, **setting).stdout)["error"]["message"],
    ]
    for each in told:
        assert words in each
        assert secret not in each


def test_misspelt_variable_is_named(client: Client, world: World) -> None:
    client.login(world.person())
    wrong = {"MCP_AMBASSADOR_FREINDLY_NAME": "desk"}
    sentence = (
        "MCP_AMBASSADOR_FREINDLY_NAME is not a variable of MCP Ambassador. "
        "Did you mean MCP_AMBASSADOR_FRIENDLY_NAME?"
    )
    assert client.run("whoami", **wrong).stderr == f"warning: {sentence}\n"
    found = checks(client, **wrong)["environment"]
    assert (found["status"], found["cause"]) == ("warning", sentence)
    assert sentence in client.run("proxy", stdin=LISTING, **wrong).stderr
    missing = client.run("whoami", "--server", "http://127.0.0.1:9", expect=3, MCP_AMBASSADOR_KEY="x").stderr
    assert "MCP_AMBASSADOR_PRESHARED_KEY?" in missing
    assert client.run("whoami", MCP_AMBASSADOR_MASTER_KEY="x").stderr == ""


def test_key_that_is_about_to_expire_is_reported(client: Client, world: World) -> None:
    soon, later = world.person(lasts=86400), world.person(lasts=86400 * 30)
    url = world.rig.client_url
    found = checks(client, MCP_AMBASSADOR_URL=url, MCP_AMBASSADOR_PRESHARED_KEY=soon.key)["key expiry"]
    assert found["status"] == "warning"
    assert "the key expires on 20" in found["cause"]
    assert "ambassador-client key rotate" in found["fix"]
    good = checks(client, MCP_AMBASSADOR_URL=url, MCP_AMBASSADOR_PRESHARED_KEY=later.key)["key expiry"]
    assert good["status"] == "ok"
    client.login(soon)
    with_account = checks(client)
    assert (with_account["key"]["status"], with_account["key expiry"]["status"]) == ("warning", "ok")
    book = next(client.home.rglob("accounts.json"))
    accounts = json.loads(book.read_text())
    for each in accounts["accounts"].values():
        each["key_expires_at"] = datetime(2020, 1, 1, tzinfo=UTC).isoformat()
    book.write_text(json.dumps(accounts))
    assert checks(client)["key"]["cause"] == "the key expired on 2020-01-01 00:00 UTC"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_with_a_byte_order_mark_are_read(client: Client, world: World, encoding: str) -> None:
    person = world.person()
    key, config = client.home / "key.txt", client.home / "config.json"
    key.write_text(person.key + "\r\n", encoding=encoding)
    client.run("login", world.rig.client_url, "--key-from", f"file://{key}")
    setting = {"MCP_AMBASSADOR_URL": world.rig.client_url, "MCP_AMBASSADOR_PRESHARED_KEY": f"file://{key}"}
    assert client.json("whoami", **setting)["user"] == person.name
    config.write_text(
        json.dumps({"server_url": world.rig.client_url, "preshared_key": person.key}), encoding=encoding
    )
    assert client.json("whoami", "--config", str(config))["user"] == person.name
    arguments = client.home / "arguments.json"
    arguments.write_text('{"text": "piped"}', encoding=encoding)
    with arguments.open("rb") as file:
        done = subprocess.run(
            [str(BIN / "ambassador-client"), "call", "tools__echo", "--json", "-"],
            env=client.environment,
            stdin=file,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"piped\n", b"")


@pytest.mark.parametrize("home", ["/dev/null", "/dev/null/below", "missing/home"])
def test_home_that_is_no_directory_matters_only_where_something_is_saved(
    client: Client, world: World, home: str, tmp_path: Path
) -> None:
    person = world.person()
    client.environment |= {"HOME": str(tmp_path / home), "XDG_RUNTIME_DIR": ""}
    setting = {"MCP_AMBASSADOR_URL": world.rig.client_url, "MCP_AMBASSADOR_PRESHARED_KEY": person.key}
    assert client.json("whoami", **setting)["user"] == person.name
    assert client.json("accounts") == []
    assert "tools__echo" in client.run("proxy", stdin=LISTING, **setting).stdout
    assert "no server address is set" in client.run("whoami", expect=2).stderr
    assert client.run("doctor", **setting).stdout
    assert client.run("hosts").stdout
    if home.startswith("/dev/null"):
        refused = client.run(
            "login", world.rig.client_url, "--key-from", "-", stdin=person.key, expect=2
        ).stderr
        assert refused.startswith("AMB-5003 cannot write ")
        assert refused.count("\n") == 1
        assert home != "/dev/null" or refused.endswith(
            "/dev/null is no directory. Set HOME to your home directory.\n"
        )


def interrupted(client: Client, *words: str, when: Any) -> str:
    process = subprocess.Popen(
        [str(BIN / "ambassador-client"), *words],
        env=client.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(when, "the command waits")
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, output) == (130, "")
    assert errors.count("\n") == 1
    return errors


def test_ctrl_c_during_a_call_says_that_it_may_have_run(
    client: Client, world: World, tools: Downstream
) -> None:
    client.login(world.person())
    before = tools.count()
    words = ("call", "tools__hold", "--json", '{"count": 99}')
    errors = interrupted(client, *words, when=lambda: tools.count() > before)
    assert errors == "Interrupted before the answer to the call of tools__hold: it may have run, or not.\n"


def test_ctrl_c_names_what_was_done_on_this_machine() -> None:
    run = Run(Flags(), None)
    assert run.what_was_done() == "Interrupted; nothing was changed."
    run.did("the sessions of account work were ended")
    run.did("its key was deleted from this machine")
    assert run.what_was_done() == (
        "Interrupted; done before: the sessions of account work were ended; its key was deleted from this machine."
    )


def test_ctrl_c_before_anything_was_sent_says_that_nothing_was_changed(client: Client, world: World) -> None:
    fifo = client.home / "key"
    os.mkfifo(fifo)
    opened: list[int] = []

    def is_waiting() -> bool:
        # Opening the other end succeeds once the command reads the pipe, and keeps it waiting.
        try:
            opened.append(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False
        return True

    words = ("login", world.rig.client_url, "--key-from", f"file://{fifo}")
    assert interrupted(client, *words, when=is_waiting) == "Interrupted; nothing was changed.\n"
    os.close(opened[0])
    assert client.secrets == []
