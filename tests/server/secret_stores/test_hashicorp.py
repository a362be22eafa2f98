"""The contract of HashiCorp Vault's key-value engine of version 2, byte by byte, and its faults.

The answers are those that the documentation of its HTTP API shows; no Vault can be installed for these tests.
"""

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_protocol.references import SecretReferenceError
from ambassador_server.config import ServerConfig
from ambassador_server.downstream.options import check_secret_reference
from ambassador_server.errors import InvalidInputError
from ambassador_server.secret_stores import (
    check_reference,
    hashicorp,
    resolve_reference,
    resolve_without_blocking,
)
from tests.fakes.hashicorp_vault import METADATA, FakeVault, answer, secret
from tests.patience import PATIENCE
from tests.server.downstream.certificates import make_certificate


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVault]:
    """Run a fake Vault to which the environment leads."""
    found = FakeVault()
    for name in ("VAULT_NAMESPACE", "VAULT_CACERT", "VAULT_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{found.port}")
    monkeypatch.setenv("VAULT_TOKEN", "hvs.t0ken")
    monkeypatch.setattr(hashicorp, "KEPT_SECONDS", 0.0)
    try:
        yield found
    finally:
        found.close()


def refused(reference: str, text: str) -> None:
    """Assert that a reference cannot be read, that this text says why, and that it tells nothing of an answer."""
    with pytest.raises(SecretReferenceError, match=text) as refusal:
        resolve_reference(reference)
    assert "hunter2" not in str(refusal.value)
    assert "hvs.t0ken" not in str(refusal.value)


def test_a_field_is_read_with_exactly_this_request(vault: FakeVault) -> None:
    vault.answers(secret(token="ghp_x", other="y"))
    assert resolve_reference("hashicorp://secret/team/git#token") == "ghp_x"
    assert vault.requests == [
        b"GET /v1/secret/data/team/git HTTP/1.1\r\n"
        + f"Host: 127.0.0.1:{vault.port}\r\n".encode()
        + b"Accept-Encoding: identity\r\n"
        b"Accept: application/json\r\n"
        b"X-Vault-Request: true\r\n"
        b"X-Vault-Token: hvs.t0ken\r\n"
        b"\r\n"
    ]


def test_a_namespace_and_a_path_of_the_address_are_sent(
    vault: FakeVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_NAMESPACE", "/team/a/")
    monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{vault.port}/vault/")
    vault.answers(secret(token="x"))
    assert resolve_reference("hashicorp://kv%2Fours/a b/c%23d#token") == "x"
    (request,) = vault.requests
    assert request.startswith(b"GET /vault/v1/kv/ours/data/a%20b/c%23d HTTP/1.1\r\n")
    assert b"\r\nX-Vault-Token: hvs.t0ken\r\nX-Vault-Namespace: team/a\r\n\r\n" in request


def test_the_token_of_a_file_is_that_of_now(
    vault: FakeVault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("VAULT_TOKEN")
    monkeypatch.setenv("VAULT_TOKEN_FILE", str(tmp_path / "token"))
    vault.answers(secret(token="x"))
    for token in ("hvs.first", "hvs.second"):
        (tmp_path / "token").write_text(f"{token}\n")
        resolve_reference("hashicorp://secret/git#token")
        assert f"X-Vault-Token: {token}\r\n".encode() in vault.requests[-1]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (
            answer("403 Forbidden", b'{"errors":["permission denied hunter2"]}'),
            r"refuses the token.*HTTP 403",
        ),
        (answer("404 Not Found", b'{"errors":[]}'), "no such secret"),
        (
            answer(
                "404 Not Found",
                json.dumps(
                    {
                        "data": {
                            "data": None,
                            "metadata": {**METADATA, "deletion_time": "2026-05-04T13:00:00Z"},
                        }
                    }
                ).encode(),
            ),
            "its newest version is deleted",
        ),
        (answer("503 Service Unavailable", b'{"errors":["Vault is sealed"]}'), "is sealed"),
        (answer("500 Internal Server Error", b'{"errors":["hunter2"]}'), "HTTP 500"),
        (answer("412 Precondition Failed", b"{}"), "HTTP 412"),
        (
            answer("307 Temporary Redirect", b"", "Location: http://127.0.0.1:1/hunter2"),
            "redirects are not followed",
        ),
        (answer("200 OK", b'{"data":{"token":"hunter2"}}'), "not that of a key-value engine of version 2"),
        (answer("200 OK", b"<html>hunter2</html>"), "not that of a key-value engine"),
        (answer("200 OK", b"[" * 200_000), "not that of a key-value engine"),
        (answer("200 OK", b"\xff\xfe"), "not that of a key-value engine"),
        (answer("200 OK", b'{"data":null}'), "not that of a key-value engine"),
        (
            answer("200 OK", json.dumps({"data": {"data": None, "metadata": METADATA}}).encode()),
            "its newest version is deleted",
        ),
        (answer("200 OK", b" " * (1024 * 1024 + 1)), "more than 1048576 bytes"),
        (secret(other="hunter2"), "has no field 'token'"),
        (secret(token=None), "has no field 'token'"),
        (secret(token=7), "is not a text"),
        (secret(token={"hunter2": 1}), "is not a text"),
        (secret(token=""), "is empty"),
        (secret(token="x" * 65537), "is larger than 65536 bytes"),
        (b"hunter2\r\n\r\n", "cannot be asked: BadStatusLine"),
        (secret(token="x")[:-20], "cannot be asked|ended too early"),
        (b"", "cannot be asked"),
    ],
)
def test_an_answer_without_the_field_is_refused(vault: FakeVault, content: bytes, text: str) -> None:
    vault.answers(content)
    refused("hashicorp://secret/git#token", text)
    assert len(vault.requests) == 1


def drip(connection: socket.socket) -> None:
    """Answer with one byte after the other, without an end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    connection.settimeout(0.01)
    while True:
        try:
            if not connection.recv(1):
                return
        except TimeoutError:
            connection.sendall(b"x")


def wait_for_the_end(connection: socket.socket) -> None:
    """Answer nothing until the other side hangs up."""
    connection.recv(1)


@pytest.mark.parametrize("reply", [drip, wait_for_the_end])
def test_a_vault_that_is_slow_is_cut_off(
    vault: FakeVault, monkeypatch: pytest.MonkeyPatch, reply: Callable[[socket.socket], None]
) -> None:
    monkeypatch.setattr(hashicorp, "SECONDS", 0.2)
    vault.reply = reply
    refused("hashicorp://secret/git#token", r"did not answer within 0\.2 seconds")


def test_a_vault_that_is_down_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("VAULT_TOKEN", "hvs.t0ken")
    refused("hashicorp://secret/git#token", f"http://127.0.0.1:{port} cannot be asked: Connection refused")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("VAULT_ADDR", "", "VAULT_ADDR is not set"),
        ("VAULT_ADDR", "http://vault.example.com:8200", "VAULT_ADDR: http:// would send"),
        ("VAULT_ADDR", "vault.example.com", "VAULT_ADDR: it must look like https://"),
        ("VAULT_TOKEN", "", "neither VAULT_TOKEN nor VAULT_TOKEN_FILE"),
        ("VAULT_TOKEN", "hunter2\nX-Other: y", "not one line of ASCII text"),
        ("VAULT_TOKEN", "hünter", "not one line of ASCII text"),
        ("VAULT_NAMESPACE", "hunter2\r\nX: y", "cannot be asked: ValueError"),
    ],
)
def test_an_environment_that_leads_to_no_vault_is_named(
    vault: FakeVault, monkeypatch: pytest.MonkeyPatch, name: str, value: str, text: str
) -> None:
    monkeypatch.setenv(name, value)
    refused("hashicorp://secret/git#token", text)
    assert vault.requests == []


def test_a_token_file_that_cannot_be_read_is_named(
    vault: FakeVault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("VAULT_TOKEN")
    monkeypatch.setenv("VAULT_TOKEN_FILE", str(tmp_path / "none"))
    refused("hashicorp://secret/git#token", "the file that VAULT_TOKEN_FILE names cannot be read")
    (tmp_path / "none").write_bytes(b"\xff")
    refused("hashicorp://secret/git#token", "the file that VAULT_TOKEN_FILE names cannot be read")


@pytest.mark.parametrize(
    "place",
    [
        *("", "secret", "secret#token", "secret/git", "secret/git#", "/git#token", "secret//git#token"),
        *("secret/../git#token", "secret/%2e%2E/sys#token", "%2E%2E%2Fsys/git#token", "secret/a%0Ab#token"),
        "a/b#c\n",
    ],
)
def test_a_place_that_names_no_field_is_refused_when_it_is_written(place: str) -> None:
    with pytest.raises(SecretReferenceError):
        check_reference(f"hashicorp://{place}")


@given(st.text(), st.text(), st.text(min_size=1))
def test_a_reference_leads_nowhere_but_below_the_data_of_its_mount(mount: str, path: str, field: str) -> None:
    try:
        parsed = hashicorp._parsed(f"{mount}/{path}#{field}")
    except SecretReferenceError:
        return
    parts = [*parsed.mount.split("/"), *parsed.path.split("/")]
    assert all(part.strip(".") for part in parts)
    assert f"{parsed.mount}/{parsed.path}".isascii()
    assert not set(f"{parsed.mount}/{parsed.path}") & set("?# \r\n\\")


def test_many_that_read_at_once_ask_once(vault: FakeVault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashicorp, "KEPT_SECONDS", PATIENCE)
    vault.answers(secret(one="1", two="2"))
    references = ["hashicorp://secret/kept#one", "hashicorp://secret/kept#two"] * 8
    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(resolve_reference, references)) == ["1", "2"] * 8
    assert len(vault.requests) == 1
    monkeypatch.setenv("VAULT_TOKEN", "hvs.another")
    resolve_reference("hashicorp://secret/kept#one")
    assert len(vault.requests) == 2


def test_a_failure_is_kept_as_long_as_an_answer(vault: FakeVault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashicorp, "KEPT_SECONDS", PATIENCE)
    vault.answers(answer("503 Service Unavailable", b"{}"))
    for _ in range(3):
        refused("hashicorp://secret/sealed#token", "is sealed")
    assert len(vault.requests) == 1


async def test_the_event_loop_runs_while_the_vault_is_asked(vault: FakeVault) -> None:
    loop, asked, may_answer = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def reply(connection: socket.socket) -> None:
        loop.call_soon_threadsafe(asked.set)
        may_answer.wait(PATIENCE)
        connection.sendall(secret(token="x"))

    vault.reply = reply
    resolving = asyncio.create_task(resolve_without_blocking("hashicorp://secret/git#token"))
    async with asyncio.timeout(PATIENCE):
        await asked.wait()
        assert not resolving.done()
        may_answer.set()
        assert await resolving == "x"


def test_the_certificate_of_the_vault_is_checked(
    vault: FakeVault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate, key = make_certificate(tmp_path)
    vault.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    vault.tls.load_cert_chain(certificate, key)
    vault.answers(secret(token="x"))
    monkeypatch.setenv("VAULT_ADDR", f"https://127.0.0.1:{vault.port}")
    refused("hashicorp://secret/git#token", "cannot be asked")
    monkeypatch.setenv("VAULT_CACERT", str(tmp_path / "none.pem"))
    refused("hashicorp://secret/git#token", "VAULT_CACERT cannot be used")
    assert vault.requests == []
    monkeypatch.setenv("VAULT_CACERT", str(certificate))
    assert resolve_reference("hashicorp://secret/git#token") == "x"


def test_a_handshake_that_never_ends_is_cut_off(vault: FakeVault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_ADDR", f"https://127.0.0.1:{vault.port}")
    monkeypatch.setattr(hashicorp, "SECONDS", 0.2)
    refused("hashicorp://secret/git#token", r"did not answer within 0\.2 seconds")


def test_the_token_of_the_vault_is_given_to_no_mcp(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="never given to a downstream"):
        check_secret_reference("env://VAULT_TOKEN")
    monkeypatch.setenv("VAULT_TOKEN_FILE", str(tmp_path / "token"))
    assert tmp_path / "token" in ServerConfig(data_dir=tmp_path / "data").own_paths
