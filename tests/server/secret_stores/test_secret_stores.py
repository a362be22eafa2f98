"""The places of secrets that the server knows: one file each, and no other scheme is taken for a plain value."""

from pathlib import Path

import pytest

from ambassador_protocol.references import Reference, SecretReferenceError
from ambassador_server.domain.secrets.option_masking import mask_options
from ambassador_server.secret_stores import check_reference, known_stores, resolve_reference


def test_every_file_is_a_store_and_its_name_the_scheme():
    assert known_stores() == ("env", "file")


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
        ("vault://secret/x", "'vault://' is not a known scheme of secrets: write env:// or file://"),
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
