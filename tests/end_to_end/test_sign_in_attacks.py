"""People sign in at a provider that is hostile: both commands refuse in one line, and nothing is issued."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ambassador_protocol.paths import SIGN_IN
from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.connecting import BROWSER
from tests.end_to_end.signing_in import trust
from tests.end_to_end.test_client_identity import Client
from tests.end_to_end.test_sign_in import administer, reasons, usable_keys
from tests.end_to_end.world import World, running, until
from tests.fakes import hostile_provider as hostile
from tests.fakes.hostile_provider import CLIENT, ESCAPES, HostileProvider
from tests.fakes.issuer import claims_of
from tests.patience import PATIENCE
from tests.rig import BIN, Rig

CLIENT_COMMAND, ADMIN_COMMAND = "ambassador-client", "ambassador-admin"
# Alternate in some lists: an address may ask where people sign in 60 times a minute.
COMMANDS = pytest.mark.parametrize("command", [CLIENT_COMMAND, ADMIN_COMMAND])


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig) -> Iterator[World]:
    with running(directory, prepared, limits=GENEROUS) as started:
        yield started


@pytest.fixture(scope="module")
def running_provider() -> Iterator[HostileProvider]:
    with hostile.hostile_provider() as started:
        yield started


@pytest.fixture
def provider(world: World, running_provider: HostileProvider) -> Iterator[HostileProvider]:
    """A provider that is trusted, and keeps the standards; its user has a role."""
    running_provider.forget()
    running_provider.user = world.fresh("person")
    trust(world, running_provider.url, CLIENT)
    world.ask("POST", "users", {"name": running_provider.user, "source": "external", "roles": ["auditor"]})
    yield running_provider
    world.ask("DELETE", "issuers/org")


def words_of(world: World, command: str, *more: str) -> tuple[str, ...]:
    url = world.rig.client_url if command == CLIENT_COMMAND else world.rig.admin_url
    return "login", url, "--sso", *more


def environment(world: World, home: Path, **more: str) -> Client:
    return Client(world, home, BROWSER=f"{sys.executable} {BROWSER} %s", **more)


def attempt(world: World, home: Path, command: str, *more: str, expect: int = 3, **variables: str) -> str:
    """Run `login --sso` to its end, and return what it wrote to the terminal, which is harmless."""
    client = environment(world, home)
    words = words_of(world, command, *more)
    if command == CLIENT_COMMAND:
        done = client.run(*words, expect=expect, **variables)
    else:
        done = administer(client, *words, expect=expect, **variables)
    told: str = done.stderr
    assert all(line.isprintable() for line in told.split("\n")), told
    return told


def last_line(told: str) -> str:
    """Return the line of the error, without the address that the browser opened."""
    (line,) = (each for each in told.splitlines() if "AMB-" in each)
    return line


@COMMANDS
def test_a_provider_that_keeps_the_standards(
    world: World, provider: HostileProvider, tmp_path: Path, command: str
) -> None:
    attempt(world, tmp_path, command, expect=0)
    attempt(world, tmp_path, command, "--device", expect=0)


@COMMANDS
@pytest.mark.parametrize(
    ("callback", "told"),
    [
        ({"iss": None}, "does not name the issuer"),
        ({"iss": "https://other.example.com"}, "comes from another issuer"),
        ({"error": "access_denied", "error_description": ESCAPES}, "cancelled, or the provider denied it"),
        ({"code": "forged"}, "invalid_grant"),
    ],
)
def test_answers_of_the_browser_that_are_not_believed(
    world: World, provider: HostileProvider, tmp_path: Path, command: str, callback: Any, told: str
) -> None:
    provider.callback = callback
    assert told in last_line(attempt(world, tmp_path, command))
    assert usable_keys(world, provider.user) == []


@pytest.mark.parametrize(
    ("command", "claims", "reason"),
    [
        (CLIENT_COMMAND, {"nonce": "x" * 43}, "wrong_nonce"),
        (ADMIN_COMMAND, {"aud": "other"}, "foreign_audience"),
        (CLIENT_COMMAND, {"aud": [CLIENT, "other"], "azp": "other"}, "wrong_party"),
        (ADMIN_COMMAND, {"iss": "https://other.example.com"}, "unknown_issuer"),
        (CLIENT_COMMAND, {"exp": 1}, "expired"),
        (ADMIN_COMMAND, {"iat": 1}, "not_recent"),
        (CLIENT_COMMAND, {"scope": "openid"}, "no_id_token"),
    ],
)
def test_tokens_that_the_server_refuses(
    world: World, provider: HostileProvider, tmp_path: Path, command: str, claims: Any, reason: str
) -> None:
    provider.claims = claims
    told = last_line(attempt(world, tmp_path, command))
    assert reason in told or (reason == "unknown_issuer" and "no valid ID token" in told)
    assert usable_keys(world, provider.user) == []
    assert world.events(action="session:sign-in:refuse")[0]["reason"] == reason


@COMMANDS
def test_an_unsigned_token_and_one_that_is_used_again(
    world: World, provider: HostileProvider, tmp_path: Path, command: str
) -> None:
    provider.tokens = {"id_token": hostile.unsigned(claims_of(provider.url, aud=CLIENT, sub=provider.user))}
    assert "no valid ID token" in last_line(attempt(world, tmp_path, command))
    provider.tokens = {"id_token": None}
    assert "sent no ID token" in last_line(attempt(world, tmp_path, command))
    assert usable_keys(world, provider.user) == []


@pytest.mark.parametrize(
    ("command", "answer", "told", "code"),
    [
        (CLIENT_COMMAND, hostile.large, "too large", 1),
        (ADMIN_COMMAND, hostile.html, "without a JSON object", 1),
        (CLIENT_COMMAND, hostile.elsewhere, "HTTP 307", 1),
        (ADMIN_COMMAND, hostile.gone, "HTTP 502", 7),
        (CLIENT_COMMAND, hostile.breaks_off, "cannot reach the provider", 7),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_token_endpoints_that_do_not_answer_as_they_should(
    world: World, provider: HostileProvider, tmp_path: Path, command: str, answer: Any, told: str, code: int
) -> None:
    provider.answers = {"/token": answer}
    assert told in last_line(attempt(world, tmp_path, command, expect=code))
    assert usable_keys(world, provider.user) == []


@pytest.mark.parametrize(
    "answer",
    [hostile.large, hostile.html, hostile.elsewhere, hostile.gone, hostile.breaks_off, "issuer", "endpoint"],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_documents_that_do_not_say_where_people_sign_in(
    world: World, provider: HostileProvider, tmp_path: Path, answer: Any
) -> None:
    world.ask("DELETE", "issuers/org")
    path = "/.well-known/openid-configuration"
    if answer == "issuer":
        provider.document = {"issuer": "https://other.example.com"}
    elif answer == "endpoint":
        provider.document = {"token_endpoint": f"https://sso.example.com/{ESCAPES}"}
    else:
        provider.answers = {path: answer, "/.well-known/oauth-authorization-server": answer}
    trust(world, provider.url, CLIENT)
    command = ADMIN_COMMAND if answer in ("issuer", "endpoint") else CLIENT_COMMAND
    told = last_line(attempt(world, tmp_path, command))
    assert "the server cannot read the document of issuer org at the moment" in told
    (listed,) = world.http.get(SIGN_IN).json()["issuers"]
    assert listed["token_endpoint"] is None


@pytest.mark.parametrize(
    ("command", "device", "polls", "told", "code"),
    [
        (
            CLIENT_COMMAND,
            {},
            ["authorization_pending", "access_denied"],
            "cancelled, or the provider denied it",
            3,
        ),
        (ADMIN_COMMAND, {}, ["expired_token"], "has expired before it was entered", 3),
        (CLIENT_COMMAND, {}, [ESCAPES], "the provider refused the sign-in", 3),
        (ADMIN_COMMAND, {"verification_uri": "http://sso.example.com/enter"}, [], "no address with TLS", 1),
        (
            CLIENT_COMMAND,
            {"verification_uri": f"https://sso.example.com/{ESCAPES}"},
            [],
            "no address with TLS",
            1,
        ),
        (ADMIN_COMMAND, {"user_code": ESCAPES}, [], "no code that can be shown", 1),
    ],
)
def test_codes_for_devices(
    world: World,
    provider: HostileProvider,
    tmp_path: Path,
    command: str,
    device: Any,
    polls: list[str],
    told: str,
    code: int,
) -> None:
    provider.device, provider.polls = device, [*polls]
    assert told in last_line(attempt(world, tmp_path, command, "--device", expect=code))
    assert usable_keys(world, provider.user) == []


@COMMANDS
def test_a_machine_without_browser_and_terminal_gets_a_code(
    world: World, provider: HostileProvider, tmp_path: Path, command: str
) -> None:
    told = attempt(world, tmp_path, command, expect=0, BROWSER="")
    assert f"Open {provider.url}/enter on any machine and enter the code ABCD-EFGH" in told


@COMMANDS
@pytest.mark.parametrize("words", [(), ("--device",)], ids=["browser", "device"])
def test_a_command_that_is_interrupted_says_so_in_one_line(
    world: World, provider: HostileProvider, tmp_path: Path, command: str, words: tuple[str, ...]
) -> None:
    provider.polls = ["authorization_pending"] * 100
    # A browser that never ends, as one does that `firefox %s` starts.
    started = tmp_path / "started"
    waits = f"sh -c 'echo >{started}; exec sleep {PATIENCE:.0f}' %s"
    client = environment(world, tmp_path)
    with subprocess.Popen(
        [BIN / command, *words_of(world, command, *words)],
        env={**client.environment, "BROWSER": waits},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stderr is not None
            assert "pen" in process.stderr.readline(), "the page, or where the code is entered"
            if not words:
                until(started.exists, "the browser runs, which a signal before would not have reached")
            os.killpg(process.pid, signal.SIGINT)
            output, told = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert (process.returncode, output) == (130, "")
    assert re.fullmatch(r"Interrupted; nothing was changed\.\n", told), told


@COMMANDS
def test_a_browser_that_never_ends_holds_nobody_up(
    world: World, provider: HostileProvider, tmp_path: Path, command: str
) -> None:
    program = tmp_path / "browser"
    program.write_text(f'#!/bin/sh\n{sys.executable} {BROWSER} "$1" &\nexec sleep {PATIENCE}\n')
    program.chmod(0o700)
    attempt(world, tmp_path, command, expect=0, BROWSER=f"{program} %s")


@COMMANDS
def test_a_browser_that_cannot_be_started_is_said(
    world: World, provider: HostileProvider, tmp_path: Path, command: str
) -> None:
    client = environment(world, tmp_path)
    with subprocess.Popen(
        [BIN / command, *words_of(world, command)],
        env={**client.environment, "BROWSER": "/bin/false %s"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            assert "Your browser opens this page" in process.stderr.readline()
            assert process.stderr.readline().startswith("No browser could be started; open the address")
        finally:
            process.kill()


def test_secrets_of_a_nonce_that_are_no_text_are_refused(world: World, provider: HostileProvider) -> None:
    token = '"a.b.c"'
    for nonce in (r'"\ud800\ud800"', '"x"', "7", "null"):
        body = f'{{"id_token": {token}, "nonce": {nonce}, "machine": "x"}}'
        answer = world.http.post(SIGN_IN, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 401), answer.text
    assert reasons(world, provider.user) == []
