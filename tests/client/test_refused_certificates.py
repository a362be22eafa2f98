"""A server that requires a client certificate: how its refusal is told, and how a renewed certificate is used."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ambassador_client.account.account_store import Account, AccountStore
from ambassador_client.account.client_certificate import CertificatePlace
from ambassador_client.account.credentials import CredentialStore
from ambassador_client.cli.login_account import LoginAccount
from ambassador_client.errors import SettingsError
from tests.authorities import Authority, Identity, email
from tests.client.certificates import make_server_identity
from tests.client.fake_server import FakeServer, running_server
from tests.client.host import environment, host
from tests.client.test_cli import run
from tests.strict_front import strict_front

TRUSTED = Authority()


def person(authority: Authority = TRUSTED) -> Identity:
    return authority.issue(email("alice@acme.example"))


@asynccontextmanager
async def strict_server(directory: Path) -> AsyncIterator[tuple[FakeServer, str]]:
    """Yield a server and the address at which it requires certificates of the authority."""
    context, _ = make_server_identity(directory)
    async with running_server() as running:
        with strict_front(context, running.port, TRUSTED.pem) as port:
            yield running, f"https://127.0.0.1:{port}"


def presenting(url: str, state: Path, files: tuple[str, str], **more: str) -> dict[str, str]:
    return environment(
        url,
        state,
        MCP_AMBASSADOR_CA_FILE=str(state.parent / "ca.pem"),
        MCP_AMBASSADOR_CLIENT_CERT=files[0],
        MCP_AMBASSADOR_CLIENT_KEY=files[1],
        **more,
    )


async def test_relay_with_a_key_uses_the_renewed_certificate_and_its_passphrase(tmp_path: Path, state: Path):
    files = person(Authority()).files(tmp_path, "person", passphrase="the first")
    word = tmp_path / "word"
    word.write_text("the first")
    reference = {"MCP_AMBASSADOR_CLIENT_KEY_PASSPHRASE": f"file://{word}"}
    async with (
        strict_server(tmp_path) as (_, url),
        host(presenting(url, state, files, **reference)) as relay,
    ):
        await relay.initialize()
        await relay.until_said("does not know the authority")
        word.write_text("the second")
        person().files(tmp_path, "person", passphrase="the second")
        await relay.until_said("connected to")
        assert "result" in await relay.call("echo")


async def test_relay_with_a_key_presents_a_renewed_certificate_before_the_old_one_is_refused(
    tmp_path: Path, state: Path
):
    files = person().files(tmp_path, "person")
    async with (
        strict_server(tmp_path) as (server, url),
        host(presenting(url, state, files)) as relay,
    ):
        assert "result" in await relay.call("echo")
        person().files(tmp_path, "person")
        assert "result" in await relay.call("echo")
        await server.until(lambda: len(server.registrations) == 2)


@pytest.mark.parametrize("is_given", [False, True])
async def test_status_tells_that_the_server_refuses_the_certificate(
    tmp_path: Path, state: Path, is_given: bool
):
    files = person(Authority()).files(tmp_path, "person") if is_given else ("", "")
    async with strict_server(tmp_path) as (_, url):
        code, output, errors = await run("status", "-o", "json", env=presenting(url, state, files))
    shown = json.loads(output)
    assert code == 3, errors
    assert (shown["reachable"], shown["certificate_accepted"], shown["key_accepted"]) == (True, False, None)


async def test_fingerprint_of_a_server_that_requires_a_certificate_is_no_advice_to_start_it(
    tmp_path: Path, state: Path
):
    files = person().files(tmp_path, "person")
    async with strict_server(tmp_path) as (_, url):
        env = presenting(url, state, files, MCP_AMBASSADOR_FINGERPRINT="0" * 64)
        code, _, errors = await run("status", env=env)
    assert (code, "--ca-file" in errors, "Is the server running" in errors) == (3, True, False)


ME = {"user": "alice", "key": {"id": "k2"}}


@pytest.mark.parametrize("failing", ["put", "delete", "save"])
def test_login_that_fails_leaves_no_key_with_another_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
):
    store = AccountStore(tmp_path)
    store.credentials().put("work", "key of a")
    store.save(Account(name="work", server="https://a", key_id="k1"))

    def fail(*_: object, **__: object) -> None:
        raise SettingsError("the disk is full")

    target = LoginAccount(store, "work", "https://b", replace_other=True, make_default=True)
    with monkeypatch.context() as patched:
        patched.setattr(AccountStore if failing == "save" else CredentialStore, failing, fail)
        with pytest.raises(SettingsError):
            target.save("key of b", ME)
    left = store.get("work").server, store.credentials().get("work")
    assert left in {("https://a", "key of a"), ("https://a", None), ("https://b", None)}
    target.save("key of b", ME)
    assert (store.get("work").server, store.credentials().get("work")) == ("https://b", "key of b")


@pytest.mark.parametrize("replaces", [False, True])
def test_login_keeps_the_certificate_of_its_account_unless_it_replaces_it(tmp_path: Path, replaces: bool):
    store = AccountStore(tmp_path)
    store.save(Account(name="work", server="https://a", user="alice", cert_file="/c.pem"))
    target = LoginAccount(store, "work", "https://a", replace_other=replaces, make_default=True)
    account, _ = target.save("key", ME)
    assert account.certificate == (None if replaces else CertificatePlace("/c.pem", None, None))
