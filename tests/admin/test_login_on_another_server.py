"""No failure of a login binds a key to a server that it is not for; a certificate is kept, presented or ignored."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ambassador_admin.api import account
from ambassador_admin.cli.login_options import LoginOptions
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.context.store import ContextStore
from ambassador_admin.output import Item
from ambassador_client.account.client_certificate import CERT_VARIABLE, KEY_VARIABLE, CertificatePlace
from ambassador_client.account.credentials import CredentialStore
from ambassador_client.errors import SettingsError
from ambassador_protocol.paths import LOGIN, LOGOUT
from tests.admin.certificates import make_authority
from tests.admin.fake_api import FakeApi
from tests.admin.fake_state import ADMIN_KEY, AUDITOR_KEY, PASSWORD
from tests.admin.shell import Shell
from tests.authorities import Authority, email
from tests.strict_front import strict_front

OTHER = "http://localhost:1"
PEOPLE = Authority()


@pytest.mark.parametrize("failing", ["put", "delete", "save"])
def test_login_that_fails_leaves_no_key_with_another_server(
    home: Shell, api: FakeApi, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    home.log_in("prod", OTHER, AUDITOR_KEY)

    def fail(*_: object, **__: object) -> None:
        raise SettingsError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(ContextStore if failing == "save" else CredentialStore, failing, fail)
        done = home.run("login", api.url, "--context", "prod", "--replace", stdin=ADMIN_KEY)
    assert done.code != 0
    server = ContextStore(home.directory).get("prod").server
    key = CredentialStore(home.directory).get("prod")
    assert (server, key) in {(OTHER, AUDITOR_KEY), (OTHER, None), (api.url, None)}


def test_ca_file_that_is_no_text_is_found_before_a_key_is_stored(
    home: Shell, api: FakeApi, tmp_path: Path
) -> None:
    authority = make_authority(tmp_path)
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(b"Ca of M\xfcller\n" + authority.ca_pem.encode())
    home.log_in("prod", OTHER, AUDITOR_KEY)
    with FakeApi().serving(authority.context) as secure:
        words = ("--context", "prod", "--replace", "--ca", str(ca_file))
        done = home.run("login", secure.url, *words, stdin=ADMIN_KEY)
        assert (done.code, "not text" in done.err, secure.requests) == (2, True, [])
    assert CredentialStore(home.directory).get("prod") == AUDITOR_KEY


def test_key_of_a_context_that_was_replaced_meanwhile_is_not_sent(
    home: Shell, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.log_in("prod", api.url)
    read = CredentialStore.get

    def replaced_first(store: CredentialStore, name: str) -> str | None:
        home.log_in("prod", OTHER, AUDITOR_KEY)
        return read(store, name)

    monkeypatch.setattr(CredentialStore, "get", replaced_first)
    done = home.run("whoami", "--context", "prod")
    assert (done.code, api.requests) == (3, [])
    assert "no longer for" in done.err


def test_certificate_of_a_known_context_is_kept_until_it_is_forgotten(
    home: Shell, strict: tuple[FakeApi, str], tmp_path: Path
) -> None:
    _, url = strict
    cert, key = PEOPLE.issue(email("alice@acme.example")).files(tmp_path, "alice")
    given = (
        "--ca",
        str(tmp_path / "given.pem"),
        "--cert",
        cert,
        "--cert-key",
        key,
        "--key-from",
        "env://KEY",
    )
    assert home.run("login", url, "--context", "prod", *given, KEY=ADMIN_KEY).code == 0
    again = home.run("login", url, "--context", "prod", "--key-from", "env://KEY", KEY=ADMIN_KEY)
    assert again.code == 0, again.err
    assert ContextStore(home.directory).get("prod").certificate == CertificatePlace(cert, key, None)
    words = ("login", url, "--context", "prod", "--key-from", "env://KEY", "--cert", "")
    assert home.run(*words, KEY=ADMIN_KEY).code == 3, "the server requires one"


def test_context_on_the_command_line_ignores_the_variables_of_the_certificate(
    home: Shell, strict: tuple[FakeApi, str], tmp_path: Path
) -> None:
    api, url = strict
    cert, key = PEOPLE.issue(email("alice@acme.example")).files(tmp_path, "alice")
    CredentialStore(home.directory).put("prod", ADMIN_KEY)
    ContextStore(home.directory).save(name="prod", server=url, ca_pem=(tmp_path / "given.pem").read_text())
    named = {CERT_VARIABLE: cert, KEY_VARIABLE: key}
    assert home.run("whoami", environ=named).code == 0
    sent = len(api.requests)
    assert home.run("whoami", "--context", "prod", environ=named).code == 3
    assert len(api.requests) == sent


def test_login_at_a_terminal_presents_its_certificate(
    home: Shell, strict: tuple[FakeApi, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, url = strict
    cert, key = PEOPLE.issue(email("alice@acme.example")).files(tmp_path, "alice")
    words = ("login", url, "--cert", cert, "--cert-key", key, "--key-from", "env://KEY")
    unknown = home.run(*words, terminal=True, KEY=ADMIN_KEY)
    assert unknown.code == 3
    assert "--ca FILE" in unknown.err
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "given.pem"))  # this machine trusts the server
    trusted = home.run(*words, terminal=True, KEY=ADMIN_KEY)
    assert trusted.code == 0, trusted.err


def test_login_opened_for_another_user_is_ended(
    home: Shell, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sign_in(_: LoginOptions, admin: Invocation, address: str, *__: object) -> Item:
        return admin.connect(address, ca_file=None).fetch_without_key(account.login("alice", PASSWORD))

    monkeypatch.setattr(LoginOptions, "_sign_in", sign_in)
    api.add_user("alice")
    ContextStore(home.directory).save(name="prod", server=api.url, ca_pem=None, identity="bob")
    done = home.run("login", api.url, "--context", "prod", "--sso")
    assert (done.code, "holds the login of 'bob', not of 'alice'" in done.err) == (2, True)
    assert [asked[1] for asked in api.requests] == [LOGIN, LOGOUT]


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[tuple[FakeApi, str]]:
    """A server that requires a certificate of the authority, and its address."""
    authority = make_authority(tmp_path)
    (tmp_path / "given.pem").write_text(authority.ca_pem)
    with (
        FakeApi(ca_pem=authority.ca_pem).serving() as api,
        strict_front(authority.context, api.port, PEOPLE.pem) as port,
    ):
        yield api, f"https://localhost:{port}"
