"""Completion of names: from the server once, then from the cache, and only names are printed."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import keyring
import pytest
from keyring.backend import KeyringBackend

from ambassador_admin.completion import command
from ambassador_admin.completion.cache import FRESH_SECONDS
from ambassador_admin.completion.command import lines
from tests.admin.fake_api import FakeApi
from tests.admin.fake_state import ADMIN_KEY, AUDITOR_KEY
from tests.admin.shell import Shell
from tests.admin.test_startup import HEAVY
from tests.patience import PATIENCE

PROBE = """
import json, os, sys
from ambassador_admin.completion import command
from ambassador_admin.completion.command import lines
print("".join(lines(sys.argv[1:], os.environ)), end="")
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise the time limit, which is not what these tests are about."""
    monkeypatch.setattr(command, "_SECONDS", 60)


@pytest.fixture
def shell(shell: Shell) -> Shell:
    """A shell with its own cache directory."""
    shell.environ["XDG_CACHE_HOME"] = str(shell.home / "cache")
    return shell


@pytest.fixture
def populated_api(api: FakeApi) -> FakeApi:
    api.add_user("alice", display_name="Alice Ångström")
    api.add_user("bob")
    api.add_user("alan", display_name="not \x1b[31mred\tor\nlong")
    api.add_mcp("git", ("git_log", "read-only"))
    api.add_key("key-1", user="alice", name="desktop")
    api.add_switch("switch-1", scope="tool", target="git.git_push", reason="leaked")
    return api


def _names(shell: Shell, *words: str, **environ: str) -> list[str]:
    return [line.removesuffix("\n") for line in lines(words, {**shell.environ, **environ})]


def _cached(shell: Shell) -> list[Path]:
    return sorted((shell.home / "cache" / "mcp-ambassador" / "admin").glob("*.names.json"))


def test_names_have_descriptions(shell: Shell, populated_api: FakeApi) -> None:
    assert _names(shell, "user", "al") == ["alan\tnot [31mred or long", "alice\tAlice Ångström"]
    assert _names(shell, "mcp", "") == ["git\tgit"]
    assert _names(shell, "key", "k") == ["key-1\talice desktop"]
    assert _names(shell, "switch") == ["switch-1\ttool git.git_push leaked"]
    assert _names(shell, "group", "") == []
    asked = [unquote(path) for _, path, _ in populated_api.requests]
    assert asked[0] == "/v1/admin/users?filter=name~al*&limit=200"
    assert all("limit=200" in path for path in asked)


def test_contexts_need_no_server(home: Shell) -> None:
    home.log_in("prod", "https://door.example.com:9443")
    assert _names(home, "context", "p") == ["prod\thttps://door.example.com:9443"]
    home.log_in("pre", "https://pre.example.com:9443")
    assert len(_names(home, "context", "p")) == 2


def test_a_recent_answer_comes_from_the_cache(shell: Shell, populated_api: FakeApi) -> None:
    first = _names(shell, "user", "al")
    assert _names(shell, "user", "al") == first
    assert _names(shell, "user", "ali") == first[1:]
    assert len(populated_api.requests) == 1
    assert _names(shell, "user", "b") == ["bob\tBob"]
    assert len(populated_api.requests) == 2


def test_an_incomplete_list_is_not_used_for_another_prefix(shell: Shell, populated_api: FakeApi) -> None:
    populated_api.page_size = 1
    assert _names(shell, "user", "a") == ["alan\tnot [31mred or long"]
    assert _names(shell, "user", "ali") == ["alice\tAlice Ångström"]


def test_cache_files_are_private_and_old_ones_are_deleted(shell: Shell, populated_api: FakeApi) -> None:
    _names(shell, "user", "al")
    (path,) = _cached(shell)
    assert path.stat().st_mode & 0o777 == 0o600
    assert ADMIN_KEY not in path.read_text() + path.name
    populated_api.add_user("albert")
    assert len(_names(shell, "user", "al")) == 2
    stale = path.stat().st_mtime - FRESH_SECONDS
    os.utime(path, (stale, stale))
    assert len(_names(shell, "user", "al")) == 3
    os.utime(path, (stale, stale))
    _names(shell, "mcp", "")
    assert path not in _cached(shell)


@pytest.mark.parametrize("mode", [0o644, 0o660])
def test_a_cache_file_that_others_can_access_is_not_used(
    shell: Shell, populated_api: FakeApi, mode: int
) -> None:
    _names(shell, "user", "al")
    (path,) = _cached(shell)
    path.write_text(json.dumps({"prefix": "", "complete": True, "names": [["alien", ""]]}))
    path.chmod(mode)
    assert len(_names(shell, "user", "al")) == 2


def test_another_key_server_or_context_has_its_own_cache(shell: Shell, populated_api: FakeApi) -> None:
    _names(shell, "user", "al")
    _names(shell, "user", "al", MCP_AMBASSADOR_ADMIN_KEY=AUDITOR_KEY)
    assert len(populated_api.requests) == 2
    shell.log_in("prod", populated_api.url)
    _names(shell, "user", "al")
    _names(shell, "user", "al", "ambassador-admin", "--context", "prod", "user", "show", "al")
    assert len(populated_api.requests) == 4
    nowhere = ["ambassador-admin", "--server=http://localhost:1", "user", "show", "al"]
    assert _names(shell, "user", "al", *nowhere) == []


@pytest.mark.parametrize(
    "name", ["al;id", "al$(id)", "al`id`", "al ice", "al\nice", "al*", "al'", "-al", "al\x1b[m"]
)
def test_names_with_shell_characters_are_left_out(shell: Shell, api: FakeApi, name: str) -> None:
    api.add_user(name)
    api.add_user("alice")
    assert _names(shell, "user", "") == ["alice\tAlice"]
    assert _names(shell, "user", name) == []


class Locked(KeyringBackend):
    """A locked keyring, which counts attempts to open it."""

    priority = 9  # type: ignore[assignment] # a class property there
    opened = 0

    def get_password(self, service: str, username: str) -> str | None:
        Locked.opened += 1
        return ADMIN_KEY

    def set_password(self, service: str, username: str, password: str) -> None:
        """Accept the secret."""


@pytest.fixture
def locked() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(Locked())
    yield
    keyring.set_keyring(before)


@pytest.mark.usefixtures("locked")
def test_no_keyring_is_opened_for_names(home: Shell, populated_api: FakeApi) -> None:
    home.environ["XDG_CACHE_HOME"] = str(home.home / "cache")
    home.log_in("prod", populated_api.url)
    assert _names(home, "user", "al") == []
    assert (Locked.opened, populated_api.requests) == (0, [])
    assert home.run("user", "list").code == 0
    assert Locked.opened > 0


@pytest.mark.parametrize(
    "words", [[], ["user"], ["user", "al"], ["nonsense", ""], ["key", "\udcff", "--server"]]
)
def test_without_a_server_nothing_is_printed(home: Shell, words: list[str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        process = home.at(f"http://127.0.0.1:{unused.getsockname()[1]}").start("names", *words)
        assert process.communicate(timeout=PATIENCE) == ("", "")
    assert process.returncode == 0


def test_a_server_without_an_answer_is_not_awaited(home: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = home.at(f"http://127.0.0.1:{listener.getsockname()[1]}").start("names", "user", "")
        # The timeout of the library is twice as long.
        assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 0


def test_an_answer_from_the_cache_imports_few_modules(shell: Shell, populated_api: FakeApi) -> None:
    _names(shell, "user", "al")
    done = subprocess.run(
        [sys.executable, "-c", PROBE, "user", "al"],
        env={**os.environ, **shell.environ},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert done.stdout.startswith("alan\t")
    assert len(populated_api.requests) == 1
    assert set(json.loads(done.stderr)) & (HEAVY | {"typer", "rich", "pydantic", "ssl", "asyncio"}) == set()
