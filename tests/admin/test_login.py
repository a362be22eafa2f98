"""Login and logout, and the server, certificate and key that later commands use."""

import json
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ambassador_admin.api.address import normalise_url
from ambassador_admin.context.store import ContextStore
from ambassador_admin.errors import SettingsError
from ambassador_protocol.paths import LOGIN
from tests.admin.certificates import Authority, make_authority
from tests.admin.fake_api import FakeApi
from tests.admin.fake_state import ADMIN_KEY, AUDITOR_KEY, LOGIN_KEY, PASSWORD
from tests.admin.shell import Shell


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_authority(tmp_path)


@pytest.fixture
def secure(authority: Authority) -> Iterator[FakeApi]:
    """The fake server behind TLS, offering its CA certificate."""
    with FakeApi(ca_pem=authority.ca_pem).serving(authority.context) as api:
        yield api


def _with_colons(text: str) -> str:
    return "SHA256:" + ":".join(text[at : at + 2] for at in range(0, len(text), 2))


def test_login_by_fingerprint_pins_the_ca_and_stores_the_key(
    home: Shell, secure: FakeApi, authority: Authority
) -> None:
    done = home.run("login", secure.url, "--fingerprint", authority.fingerprint, stdin=f"{ADMIN_KEY}\n")
    assert done.code == 0, done.err
    assert "KEY STORED IN  file " in done.out
    assert ADMIN_KEY not in done.out + done.err
    (secret,) = home.directory.glob("*.secret")
    assert secret.read_text() == ADMIN_KEY
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert home.run("whoami", "-o", "json").code == 0


@pytest.mark.parametrize("write", [str.upper, _with_colons])
def test_fingerprint_is_accepted_in_every_notation(
    home: Shell, secure: FakeApi, authority: Authority, write: Callable[[str], str]
) -> None:
    done = home.run("login", secure.url, "--fingerprint", write(authority.fingerprint), stdin=ADMIN_KEY)
    assert done.code == 0


def test_logging_in_again_needs_no_fingerprint(home: Shell, secure: FakeApi, authority: Authority) -> None:
    secure.add_user("alice")
    assert home.run("login", secure.url, "--fingerprint", authority.fingerprint, stdin=ADMIN_KEY).code == 0
    done = home.run("login", secure.url, "--user", "alice", "--replace", stdin=PASSWORD)
    assert done.code == 0, done.err
    assert json.loads(home.run("whoami", "-o", "json").out)["name"] == "alice"


def test_a_person_confirms_the_fingerprint_of_an_unknown_ca(
    home: Shell, secure: FakeApi, authority: Authority
) -> None:
    words = ("login", secure.url, "--key-from", "env://KEY")
    no = home.run(*words, stdin="n\n", terminal=True, KEY=ADMIN_KEY)
    assert no.code == 1
    assert authority.fingerprint in no.err
    assert "[y/N]" in no.err
    assert not any("whoami" in asked[1] for asked in secure.requests)
    assert not home.directory.exists()
    yes = home.run(*words, stdin="y\n", terminal=True, KEY=ADMIN_KEY)
    assert yes.code == 0, yes.err
    assert home.run("whoami", "-o", "json").code == 0


def test_without_a_terminal_an_unknown_ca_is_refused(home: Shell, secure: FakeApi) -> None:
    done = home.run("login", secure.url, "--key-from", "env://KEY", KEY=ADMIN_KEY)
    assert (done.code, secure.requests) == (7, [])
    assert "--fingerprint" in done.err


def test_with_a_wrong_fingerprint_no_key_is_sent(home: Shell, secure: FakeApi) -> None:
    done = home.run("login", secure.url, "--fingerprint", "0" * 64, stdin=ADMIN_KEY)
    assert done.code == 7
    assert done.err.startswith("error: AMB-5002 The CA of the server does not have that fingerprint: it has ")
    assert [asked[1] for asked in secure.requests] == ["/v1/trust/ca.pem"]
    assert not home.directory.exists()


def test_only_the_certificate_with_the_fingerprint_is_trusted(
    home: Shell, secure: FakeApi, authority: Authority, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    secure.ca_pem = make_authority(other, "Another CA").ca_pem + authority.ca_pem
    assert home.run("login", secure.url, "--fingerprint", authority.fingerprint, stdin=ADMIN_KEY).code == 0
    (kept,) = home.directory.glob("*.ca.pem")
    assert kept.read_text() == authority.ca_pem


@pytest.mark.parametrize("pem", [None, "", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"])
def test_server_without_ca_certificate_cannot_be_pinned(
    home: Shell, secure: FakeApi, pem: str | None
) -> None:
    secure.ca_pem = pem
    done = home.run("login", secure.url, "--fingerprint", "0" * 64, stdin=ADMIN_KEY)
    assert done.code in (5, 7)
    assert not home.directory.exists()


def test_login_with_a_ca_file_stores_a_copy(
    home: Shell, secure: FakeApi, authority: Authority, tmp_path: Path
) -> None:
    ca_file = tmp_path / "given.pem"
    ca_file.write_text(authority.ca_pem)
    assert home.run("login", secure.url, "--ca", str(ca_file), stdin=ADMIN_KEY).code == 0
    ca_file.unlink()
    assert home.run("whoami").code == 0


def test_login_without_the_private_ca_fails_and_sends_no_key(home: Shell, secure: FakeApi) -> None:
    done = home.run("login", secure.url, stdin=ADMIN_KEY)
    assert (done.code, "AMB-5002" in done.err) == (7, True)
    assert secure.requests == []


@pytest.mark.parametrize("name", ["no-such-file", "not-a-certificate"])
def test_invalid_ca_file_is_exit_2(home: Shell, secure: FakeApi, tmp_path: Path, name: str) -> None:
    (tmp_path / "not-a-certificate").write_text("nothing")
    done = home.run("login", secure.url, "--ca", str(tmp_path / name), stdin=ADMIN_KEY)
    assert (done.code, done.err[:15]) == (2, "error: AMB-5003")


@pytest.mark.parametrize(
    "words",
    [
        ["--ca", "x", "--fingerprint", "0" * 64],
        ["--fingerprint", "abc"],
        ["--key-from", ADMIN_KEY],
        ["--key-from", "env://NO_SUCH"],
        ["--key-from", "file:///no/such"],
    ],
)
def test_invalid_login_options_are_exit_2(home: Shell, secure: FakeApi, words: list[str]) -> None:
    done = home.run("login", secure.url, *words)
    assert done.code == 2
    assert ADMIN_KEY not in done.err
    assert secure.requests == []


@pytest.mark.parametrize("key", ["", "\n", "amb_pk_" + "x" * 48, "two words", "amb_ak_\x1b", "schlüssel"])
def test_text_that_is_no_admin_key_is_never_sent(home: Shell, api: FakeApi, key: str) -> None:
    done = home.run("login", api.url, stdin=key)
    assert (done.code, done.err[:15]) == (2, "error: AMB-5003")
    assert api.requests == []


def test_rejected_key_is_not_stored(home: Shell, api: FakeApi) -> None:
    assert home.run("login", api.url, stdin="amb_ak_" + "x" * 48).code == 3
    assert not home.directory.exists()


@pytest.mark.parametrize("source", ["env", "file", "-"])
def test_key_is_read_from_its_source(home: Shell, api: FakeApi, tmp_path: Path, source: str) -> None:
    (tmp_path / "key").write_text(f"  {ADMIN_KEY}\n")
    where = {"env": "env://THE_KEY", "file": f"file://{tmp_path / 'key'}", "-": "-"}[source]
    stdin = f"{ADMIN_KEY}\n" if source == "-" else ""
    assert home.run("login", api.url, "--key-from", where, stdin=stdin, THE_KEY=ADMIN_KEY).code == 0
    assert json.loads(home.run("whoami", "-o", "json").out)["name"] == "ops"


def test_context_of_another_server_is_replaced_only_on_request(home: Shell, api: FakeApi) -> None:
    home.log_in("prod", "https://elsewhere:9443")
    words = ("login", api.url, "--context", "prod")
    done = home.run(*words, stdin=ADMIN_KEY)
    assert (done.code, "is for https://elsewhere:9443" in done.err) == (2, True)
    assert "--replace" in done.err
    assert api.requests == []
    assert home.run(*words, "--replace", stdin=ADMIN_KEY).code == 0
    assert ContextStore(home.directory).get("prod").server == api.url


def test_context_of_another_identity_is_replaced_only_on_request(home: Shell, api: FakeApi) -> None:
    """A login as an auditor must not take away the administrator's login, which a script may use."""
    api.add_user("alice", roles=["operator"])
    assert home.run("login", api.url, stdin=ADMIN_KEY).code == 0
    by_password = ("login", api.url, "--user", "alice", "--password-from", "env://PASSWORD")
    for words, stdin in ((("login", api.url), AUDITOR_KEY), (by_password, "")):
        for more in ((), ("--dry-run",)):
            done = home.run(*words, *more, stdin=stdin, PASSWORD=PASSWORD)
            assert (done.code, "holds the login of 'ops'" in done.err) == (2, True), done.err
    assert not any(asked[1] == LOGIN for asked in api.requests)
    assert json.loads(home.run("whoami", "-o", "json").out)["name"] == "ops"
    assert home.run("login", api.url, stdin=ADMIN_KEY).code == 0
    assert home.run("login", api.url, "--context", "other", stdin=AUDITOR_KEY).code == 0
    assert home.run("login", api.url, "--replace", stdin=AUDITOR_KEY).code == 0
    assert json.loads(home.run("whoami", "-o", "json").out)["name"] == "eve"


def test_wrong_fingerprint_fails_whatever_else_is_known(
    home: Shell, secure: FakeApi, authority: Authority
) -> None:
    assert home.run("login", secure.url, "--fingerprint", authority.fingerprint, stdin=ADMIN_KEY).code == 0
    assert home.run("login", secure.url, "--replace", stdin=AUDITOR_KEY).code == 0
    before = {path: path.read_bytes() for path in home.directory.iterdir()}
    for more in ((), ("--replace",), ("--dry-run",)):
        secure.requests.clear()
        done = home.run("login", secure.url, "--fingerprint", "0" * 64, *more, stdin=ADMIN_KEY)
        assert (done.code, "AMB-5002" in done.err) == (7, True)
        assert [asked[1] for asked in secure.requests] == ["/v1/trust/ca.pem"]
    assert {path: path.read_bytes() for path in home.directory.iterdir()} == before


def test_dry_run_of_login_checks_the_key_and_stores_nothing(home: Shell, api: FakeApi) -> None:
    done = home.run("login", api.url, "--dry-run", stdin=ADMIN_KEY)
    assert (done.code, done.out.splitlines()[0]) == (0, "NAME            ops")
    assert not home.directory.exists()


def test_key_is_never_sent_to_another_server_than_its_own(home: Shell, api: FakeApi) -> None:
    home.log_in("prod", "https://elsewhere:9443")
    for words, environ in ((["--server", api.url], {}), ([], {"MCP_AMBASSADOR_ADMIN_URL": api.url})):
        done = home.run("whoami", *words, environ=environ)
        assert (done.code, done.err[:15]) == (3, "error: AMB-5004")
    assert api.requests == []


def test_server_named_again_still_uses_the_key_of_the_context(home: Shell, api: FakeApi) -> None:
    home.log_in("prod", api.url)
    assert home.run("whoami", "--server", api.url).code == 0


def test_settings_come_from_option_then_environment_then_context(home: Shell, api: FakeApi) -> None:
    home.log_in("auditor", api.url, AUDITOR_KEY)
    home.log_in("prod", api.url)

    def name(*words: str, **environ: str) -> str:
        return str(json.loads(home.run("whoami", "-o", "json", *words, environ=environ).out)["name"])

    assert name() == "ops"
    assert name("--context", "auditor") == "eve"
    assert name(MCP_AMBASSADOR_CONTEXT="auditor") == "eve"
    assert name(MCP_AMBASSADOR_ADMIN_KEY=AUDITOR_KEY) == "eve"
    assert name(MCP_AMBASSADOR_ADMIN_KEY="env://OTHER", OTHER=AUDITOR_KEY) == "eve"
    assert name("--context", "prod", MCP_AMBASSADOR_ADMIN_KEY=AUDITOR_KEY) == "ops"
    assert name("--context", "prod", MCP_AMBASSADOR_ADMIN_URL="https://elsewhere") == "ops"
    assert name("--server", api.url, MCP_AMBASSADOR_ADMIN_URL="https://elsewhere") == "ops"


def test_logout_deletes_the_key_and_keeps_the_context(home: Shell, api: FakeApi) -> None:
    home.log_in("prod", api.url)
    assert home.run("logout").code == 0
    done = home.run("whoami")
    assert (done.code, f"ambassador-admin login {api.url}" in done.err) == (3, True)
    assert home.run("logout").err == "Context 'prod' had no key.\n"


def test_without_the_keyring_library_files_are_used_and_one_line_says_how_to_install_it(
    home: Shell, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    done = home.run("login", api.url, "--context", "here", stdin=ADMIN_KEY)
    assert (done.code, "KEY STORED IN  file " in done.out) == (0, True)
    assert [line for line in done.err.splitlines() if "pipx inject mcp-ambassador keyring" in line] == [
        done.err.rstrip()
    ]
    done = home.run("whoami")
    assert (done.code, done.err) == (0, "")
    next(home.directory.glob("*.secret")).unlink()
    for words in (["whoami"], ["user", "list"], ["whoami", "--context", "here"]):
        done = home.run(*words)
        assert (done.code, done.out) == (3, "")
        assert done.err.startswith("error: AMB-5004 There is no key file of context 'here'")
        assert f"pipx inject mcp-ambassador keyring, or ambassador-admin login {api.url}" in done.err
    done = home.run("logout")
    assert done.code == 0
    assert done.err.startswith("There is no key file of context 'here'. The library")
    done = home.run("context", "remove", "here")
    assert (done.code, "There is no key file" in done.err) == (0, True)


def test_removing_the_current_context_leaves_none(home: Shell, api: FakeApi) -> None:
    home.log_in("prod", api.url)
    assert home.run("context", "remove", "prod").code == 0
    assert home.run("context", "list").err == "No contexts.\n"
    assert home.run("logout").err == "There is no current context.\n"
    assert [path.name for path in home.directory.iterdir()] == ["contexts.json"]


def test_context_with_a_key_file_readable_by_others_is_refused(home: Shell, api: FakeApi) -> None:
    home.log_in("prod", api.url)
    path = home.directory / "prod.secret"
    path.chmod(0o644)
    done = home.run("whoami")
    assert done.code == 2
    assert f"hint: Run: chmod 600 {path}" in done.err
    assert api.requests == []


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", "[" * 100_000, '{"contexts": []}', '{"contexts": {"a": {"x": 1}}, "current": "a"}'],
)
def test_damaged_contexts_file_is_an_error_with_its_path(home: Shell, content: str) -> None:
    home.directory.mkdir(parents=True)
    (home.directory / "contexts.json").write_text(content)
    done = home.run("context", "list")
    assert (done.code, "contexts.json is damaged" in done.err) == (2, True)


def test_invalid_stored_key_is_not_sent_and_not_shown(home: Shell, api: FakeApi) -> None:
    home.log_in("prod", api.url, "amb_ak_\x07secret")
    done = home.run("whoami")
    assert (done.code, api.requests, "secret" in done.err) == (2, [], False)


def test_context_names_cannot_leave_the_directory(home: Shell, api: FakeApi) -> None:
    assert home.run("login", api.url, "--context", "../../x", stdin=ADMIN_KEY).code == 0
    assert {path.parent for path in home.home.rglob("*.secret")} == {home.directory}
    assert home.run("whoami").code == 0


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ambassador.example", "https://ambassador.example:9443"),
        ("ambassador.example:8000", "https://ambassador.example:8000"),
        ("https://Ambassador.example/", "https://ambassador.example:9443"),
        ("https://ambassador.example:443/prefix/", "https://ambassador.example:443/prefix"),
        ("http://localhost", "http://localhost:9443"),
        ("http://127.0.0.2:1", "http://127.0.0.2:1"),
        ("https://[::1]", "https://[::1]:9443"),
    ],
)
def test_address_is_completed(text: str, address: str) -> None:
    assert normalise_url(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "http://ambassador.example",
        "http://localhost.example",
        "ftp://x",
        "https://user:password@x",
        "https://x?y",
        "https://x#y",
        "https://x:99999",
        "https://[::1",
        "https://",
        "",
        "a b",
        "x\x1b",
    ],
)
def test_invalid_or_unsafe_address_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        normalise_url(text)


def test_logout_ends_a_login_by_password_on_the_server(home: Shell, api: FakeApi) -> None:
    api.add_user("alice")
    done = home.run("login", api.url, "--context", "prod", "--user", "alice", stdin=f"{PASSWORD}\n")
    assert done.code == 0, done.err
    assert PASSWORD not in done.out + done.err
    assert LOGIN_KEY not in done.out + done.err
    assert (home.directory / "prod.secret").read_text() == LOGIN_KEY
    who = json.loads(home.run("whoami", "-o", "json").out)
    assert (who["name"], who["kind"]) == ("alice", "login")
    assert home.run("logout").code == 0
    assert not api.is_logged_in
    assert not (home.directory / "prod.secret").exists()


def test_logout_with_an_admin_key_does_not_mention_the_server(home: Shell, api: FakeApi) -> None:
    home.log_in("prod", api.url)
    assert home.run("logout").err == "The key of context 'prod' is deleted.\n"


def test_logout_without_a_server_deletes_the_key_and_warns(home: Shell) -> None:
    home.log_in("prod", "http://127.0.0.1:1", LOGIN_KEY)
    done = home.run("logout")
    assert (done.code, "could not be ended on the server" in done.err) == (0, True)
    assert not (home.directory / "prod.secret").exists()


def test_wrong_password_is_exit_3_and_stores_nothing(home: Shell, api: FakeApi) -> None:
    done = home.run("login", api.url, "--user", "alice", stdin="wrong horse battery\n")
    assert (done.code, "wrong horse" in done.err) == (3, False)
    assert not home.directory.exists()


def test_dry_run_of_a_login_by_password_sends_nothing(home: Shell, api: FakeApi) -> None:
    done = home.run("login", api.url, "--user", "alice", "--dry-run", stdin=f"{PASSWORD}\n")
    assert (done.code, done.err.startswith("Dry run: would log in as alice")) == (0, True)
    assert api.requests == []


@pytest.mark.parametrize(
    "words",
    [
        ["--password-from", "env://THE_PASSWORD"],
        ["--user", "alice", "--key-from", "-"],
        ["--user", "alice", "--password-from", PASSWORD],
        ["--user", "alice", "--password-from", "env://NO_SUCH"],
        ["--user", "alice"],
    ],
)
def test_invalid_options_of_a_login_by_password_are_exit_2(
    home: Shell, api: FakeApi, words: list[str]
) -> None:
    done = home.run("login", api.url, *words, THE_PASSWORD=PASSWORD)
    assert (done.code, PASSWORD in done.err) == (2, False)
    assert api.requests == []


def test_a_key_as_a_word_too_many_is_not_repeated(home: Shell) -> None:
    done = home.run("login", "https://127.0.0.1:1", ADMIN_KEY)
    assert done.code == 2
    assert ADMIN_KEY not in done.out + done.err
    assert "never given on the command line" in done.err
