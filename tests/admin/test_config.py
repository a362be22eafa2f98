"""The settings of the command line and their sources."""

import json
from pathlib import Path

import pytest

from tests.admin.certificates import make_authority
from tests.admin.fake_state import ADMIN_KEY
from tests.admin.shell import Shell

HERE = "https://door.example.com:9443"


@pytest.fixture
def known(home: Shell) -> Shell:
    """A shell that has logged in to a server under the name `prod`."""
    home.log_in("prod", HERE)
    return home


def _view(shell: Shell, *words: str, **environ: str) -> dict[str, list[str | None]]:
    done = shell.run("config", "view", "--show-origin", "-o", "json", *words, **environ)
    assert (done.code, done.err) == (0, "")
    assert ADMIN_KEY not in done.out
    return {each["name"]: [each["value"], each["origin"], each["source"]] for each in json.loads(done.out)}


def test_without_any_setting_defaults_apply(home: Shell) -> None:
    found = _view(home)
    assert found.pop("output") == ["json", "flag", "--output"]
    assert found == {
        "server": ["https://localhost:9443", "default", None],
        "context": [None, "default", None],
        "ca_file": [None, "default", None],
        "key": [None, "default", None],
        "certificate": [None, "default", None],
        "colour": ["on a terminal", "default", None],
    }


def test_a_context_sets_server_and_key(known: Shell) -> None:
    found = _view(known, MCP_AMBASSADOR_CONTEXT="prod")
    assert found["server"] == [HERE, "context", "prod"]
    assert found["context"] == ["prod", "environment", "MCP_AMBASSADOR_CONTEXT"]
    assert found["key"] == [f"file {known.directory / 'prod.secret'}", "context", "prod"]
    assert _view(known)["context"] == ["prod", "context", None]
    assert _view(known, "--context", "prod")["context"] == ["prod", "flag", "--context"]


def test_precedence_is_option_variable_context(known: Shell, tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(make_authority(tmp_path).ca_pem)
    variables = {
        "MCP_AMBASSADOR_ADMIN_URL": "https://other.example.com",
        "MCP_AMBASSADOR_ADMIN_KEY": ADMIN_KEY,
        "MCP_AMBASSADOR_CA_FILE": str(ca_file),
        "NO_COLOR": "1",
    }
    found = _view(known, **variables)
    assert found["server"] == ["https://other.example.com:9443", "environment", "MCP_AMBASSADOR_ADMIN_URL"]
    assert found["context"] == [None, "default", None]
    assert found["ca_file"] == [str(ca_file), "environment", "MCP_AMBASSADOR_CA_FILE"]
    assert found["key"] == ["the variable itself", "environment", "MCP_AMBASSADOR_ADMIN_KEY"]
    assert found["colour"] == ["never", "environment", "NO_COLOR"]
    found = _view(known, "--server", "localhost", "--no-color", **variables)
    assert found["server"] == ["https://localhost:9443", "flag", "--server"]
    assert found["colour"] == ["never", "flag", "--no-color"]
    assert _view(known, "--context", "prod", **variables)["key"][1:] == ["context", "prod"]


def test_a_key_reference_is_shown_instead_of_the_key(home: Shell) -> None:
    reference = "file:///run/secrets/admin-key"
    assert _view(home, MCP_AMBASSADOR_ADMIN_KEY=reference)["key"] == [
        reference,
        "environment",
        "MCP_AMBASSADOR_ADMIN_KEY",
    ]


def test_sources_are_shown_on_demand(home: Shell) -> None:
    rows = json.loads(home.run("config", "view", "-o", "json").out)
    assert {tuple(row) for row in rows} == {("name", "value")}


@pytest.mark.parametrize(
    "words", [["context", "use", "prdo"], ["context", "remove", "prdo"], ["--context", "prdo", "whoami"]]
)
def test_misspelt_context_has_near_matches(known: Shell, words: list[str]) -> None:
    done = known.run(*words)
    assert done.code == 5
    assert "There is no context 'prdo'." in done.err
    assert "did you mean prod?" in done.err
