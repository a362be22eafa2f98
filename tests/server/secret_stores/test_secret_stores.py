"""The places of secrets that the server knows: one file each, and no other scheme is taken for a plain value."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ambassador_protocol.references import Reference, SecretReferenceError
from ambassador_server.domain.secrets.option_masking import mask_options
from ambassador_server.secret_stores import check_reference, known_stores, resolve_reference
from ambassador_server.secret_stores.file import protect


def test_every_file_is_a_store_and_its_name_the_scheme():
    assert known_stores() == ("env", "file", "hashicorp")


def test_references_of_every_store_are_shown_as_they_are():
    options = {"env": {f"{scheme.upper()}_TOKEN": f"{scheme}://place" for scheme in known_stores()}}
    assert mask_options(options) == options


def test_a_plain_value_stands_for_itself():
    assert check_reference("plain") is None
    assert resolve_reference("https://host/") == "https://host/"


def test_a_reference_is_checked_without_being_resolved(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("A_SECRET", raising=False)
    assert check_reference("env://A_SECRET") == Reference("env", "A_SECRET")
    assert check_reference("file:///no/such/file") == Reference("file", "/no/such/file")


@pytest.mark.parametrize("check", [check_reference, resolve_reference])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            "vault://secret/x",
            "'vault://' is not a known scheme of secrets: write env:// or file:// or hashicorp://",
        ),
        ("ENV://A_SECRET", "'ENV://' is not a known scheme of secrets"),
        ("env://A SECRET", "does not name an environment variable"),
        ("file://relative", "is not an absolute path: write file:///PATH"),
        ("file://~/key", "is not an absolute path"),
    ],
)
def test_a_wrong_reference_is_refused(check: object, value: str, text: str):
    assert callable(check)
    with pytest.raises(SecretReferenceError, match=text):
        check(value)


def test_secrets_come_from_environment_and_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("A_SECRET", "from the environment")
    (tmp_path / "secret").write_text("from a file\n")
    assert resolve_reference("env://A_SECRET") == "from the environment"
    assert resolve_reference(f"file://{tmp_path}/secret") == "from a file"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Path]:
    """Return a protected data directory with a key in it; the configuration file beside it is protected, too."""
    (tmp_path / "data/keys").mkdir(parents=True)
    (tmp_path / "data/keys/pepper").write_text("the pepper\n")
    (tmp_path / "ambassador.yaml").write_text("database_url: secret\n")
    (tmp_path / "outside").write_text("a secret for a downstream\n")
    protect([tmp_path / "data", tmp_path / "ambassador.yaml"])
    yield tmp_path / "data"
    protect([])


@pytest.mark.parametrize("check", [check_reference, resolve_reference])
@pytest.mark.parametrize(
    "path",
    [
        *("{own}/keys/pepper", "{own}/keys/../keys/pepper", "{own}//keys/./pepper", "{own}/no/such/file"),
        *("{own}", "{own}/../ambassador.yaml", "{link}", "{directory}/keys/pepper", "{hard}"),
        *(
            "/proc/self/environ",
            "/proc/1/mem",
            "/sys/kernel/notes",
            "/dev/stdin",
            "/dev/../proc/self/environ",
        ),
        *("/tmp/../proc/self/fd/0", "//proc/self/environ", "{process}"),
    ],
)
def test_files_of_the_server_and_of_the_system_are_refused(own: Path, check: object, path: str):
    outside = own.parent
    (outside / "link").symlink_to(own / "keys/pepper")
    (outside / "directory").symlink_to(own)
    (outside / "process").symlink_to("/proc/self/environ")
    os.link(outside / "ambassador.yaml", outside / "hard")
    named = {name: outside / name for name in ("link", "directory", "hard", "process")}
    assert callable(check)
    with pytest.raises(SecretReferenceError, match="never given away"):
        check(f"file://{path.format(own=own, **named)}")


def test_a_file_that_becomes_a_link_to_a_key_is_refused_when_it_is_read(own: Path):
    mounted = own.parent / "mounted"
    mounted.write_text("a secret")
    assert check_reference(f"file://{mounted}") is not None
    assert resolve_reference(f"file://{mounted}") == "a secret"
    mounted.unlink()
    mounted.symlink_to(own / "keys/pepper")
    with pytest.raises(SecretReferenceError, match="never given away"):
        resolve_reference(f"file://{mounted}")


def test_links_to_other_files_are_followed(own: Path):
    (own.parent / "current").symlink_to(own.parent / "outside")
    assert resolve_reference(f"file://{own.parent}/current") == "a secret for a downstream"
