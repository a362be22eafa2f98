"""A home that is no directory, files with a byte order mark, and the installation of completions."""

from pathlib import Path

import pytest

from tests.admin.fake_api import FakeApi
from tests.admin.fake_state import ADMIN_KEY
from tests.admin.shell import Shell

ROOT = Path(__file__).parents[2]


@pytest.fixture
def homeless(shell: Shell) -> Shell:
    """A shell whose home is a file, as in containers with the home /dev/null."""
    (shell.home / "file").write_text("")
    shell.environ["XDG_CONFIG_HOME"] = str(shell.home / "file")
    return shell


def test_commands_work_without_a_home(homeless: Shell, api: FakeApi) -> None:
    api.add_user("alice")
    assert homeless.run("user", "list", "-o", "name").out == "alice\n"
    assert homeless.run("context", "list").err == "No contexts.\n"


def test_login_needs_a_home_and_says_so(homeless: Shell, api: FakeApi) -> None:
    done = homeless.run("login", api.url, "--key-from", "env://KEY", KEY=ADMIN_KEY)
    assert done.code != 0
    assert "error: AMB-5003 cannot write " in done.err
    assert "hint: Set HOME to your home directory." in done.err


def test_byte_order_marks_are_no_part_of_a_file(shell: Shell, api: FakeApi) -> None:
    api.add_user("alice")
    (shell.home / "key").write_bytes(b"\xef\xbb\xbf" + ADMIN_KEY.encode() + b"\r\n")
    key = {"MCP_AMBASSADOR_ADMIN_KEY": f"file://{shell.home / 'key'}"}
    assert shell.run("user", "list", "-o", "name", environ=key).out == "alice\n"
    (shell.home / "cases.yaml").write_bytes(
        b"\xef\xbb\xbfcases:\n- {user: alice, tool: git.git_log, expect: deny}\n"
    )
    assert shell.run("access", "test", str(shell.home / "cases.yaml")).code == 0
    shell.log_in("known", api.url)
    contexts = shell.directory / "contexts.json"
    contexts.write_bytes(b"\xef\xbb\xbf" + contexts.read_bytes())
    assert shell.run("context", "list", "-o", "name").out == "known\n"


def test_older_word_for_permitted_is_read_and_the_common_one_is_shown(shell: Shell, api: FakeApi) -> None:
    api.add_user("alice", groups=["developers"])
    api.add_grant("grant-1", group="developers", mcp="git")
    (shell.home / "cases.yaml").write_text("cases: [{user: alice, tool: git.git_log, expect: allow}]")
    words = ["access", "test", str(shell.home / "cases.yaml"), "--fields", "expected,got,holds"]
    assert shell.run(*words, "-o", "csv", "--no-headers").out == "permit,permit,true\n"


@pytest.mark.parametrize(
    ("shell_name", "directory", "name"),
    [
        ("bash", ".local/share/bash-completion/completions", "ambassador-admin"),
        ("zsh", ".zfunc", "_ambassador-admin"),
        ("fish", "config/fish/completions", "ambassador-admin.fish"),
    ],
)
def test_completions_are_installed_where_the_shell_finds_them(
    home: Shell, shell_name: str, directory: str, name: str
) -> None:
    done = home.run("completion", "install", SHELL=f"/usr/bin/{shell_name}")
    assert (done.code, done.out) == (0, "")
    installed = home.home / directory
    assert (installed / name).read_text() == (
        ROOT / "completions" / f"ambassador-admin.{shell_name}"
    ).read_text()
    assert len(list(installed.iterdir())) == 3


def test_unknown_shell_is_a_usage_error(home: Shell) -> None:
    done = home.run("completion", "install", SHELL="/bin/tcsh")
    assert (done.code, "hint: one of bash, zsh, fish" in done.err) == (2, True)
    assert home.run("completion", "install", "bash", "--dry-run").code == 0
    assert not (home.home / ".local").exists()
