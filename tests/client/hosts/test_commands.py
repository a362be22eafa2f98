"""The commands `install`, `uninstall`, `undo` and `hosts` as processes with their own home directory."""

import json
import ntpath
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ambassador_client.account.account_store import Account
from ambassador_client.account.settings import account_store
from ambassador_client.hosts.installing.launch import installed_command
from ambassador_client.hosts.installing.registry import all_hosts
from tests import preloaded
from tests.client.fake_server import KEY
from tests.patience import PATIENCE

URL = "https://ambassador.example.com"


class Shell:
    """Runs commands of the client in a home directory."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.program = home / "bin" / "ambassador-client"
        self.program.parent.mkdir()
        self.program.write_text(
            f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(Path(__file__).parents[3])!r})\n"
            "from ambassador_client.__main__ import main\nsys.exit(main())\n"
        )
        self.program.chmod(0o700)
        self.environ = {
            "HOME": str(home),
            "PATH": f"{self.program.parent}:/usr/bin:/bin",
            "MCP_AMBASSADOR_URL": URL,
        }

    def run(self, *words: str, **more: str) -> tuple[int, str, str]:
        ended = preloaded.run(
            "ambassador-client",
            *words,
            env={**self.environ, **more},
            timeout=PATIENCE,
            program=self.program,
        )
        assert "Traceback" not in ended.stderr
        return ended.returncode, ended.stdout, ended.stderr

    def files(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.home)): path.read_bytes()
            for path in self.home.rglob("*")
            if path.is_file() and path != self.program
        }


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_the_key_is_written_to_no_file(shell: Shell):
    names = [host.name for host in all_hosts()]
    code, output, errors = shell.run("install", *names, MCP_AMBASSADOR_PRESHARED_KEY=KEY)
    assert code == 0
    assert errors.startswith("note: The key is never written into the files of applications: run ")
    for content in (*shell.files().values(), output.encode(), errors.encode()):
        assert KEY.encode() not in content
    assert (
        sum(str(shell.program).encode() in content for content in shell.files().values()) == 28
    )  # and the records


def test_a_reference_to_the_key_is_written(shell: Shell):
    code, _, errors = shell.run("install", "cursor", MCP_AMBASSADOR_PRESHARED_KEY="file:///home/me/key")
    assert (code, errors) == (0, "")
    entry = json.loads(shell.files()[".cursor/mcp.json"])["mcpServers"]["ambassador"]
    assert entry["env"] == {"MCP_AMBASSADOR_URL": URL, "MCP_AMBASSADOR_PRESHARED_KEY": "file:///home/me/key"}
    assert entry["command"] == str(shell.program)


def test_an_unsupported_reference_is_not_written(shell: Shell):
    code, _, errors = shell.run("install", "cursor", MCP_AMBASSADOR_PRESHARED_KEY="vault://me/key")
    assert code == 2
    assert "MCP_AMBASSADOR_PRESHARED_KEY is wrong: 'vault://' is not a known scheme of secrets" in errors
    assert ".cursor/mcp.json" not in shell.files()


@pytest.mark.parametrize("value", ["open sesame", "vault://sesame", "https://sesame"])
def test_a_passphrase_of_the_client_key_is_written_only_as_a_reference(shell: Shell, value: str):
    name = "MCP_AMBASSADOR_CLIENT_KEY_PASSPHRASE"
    code, output, errors = shell.run("install", "cursor", **{name: value})
    assert (code, name in errors) == (2, True)
    assert "sesame" not in output + errors
    assert ".cursor/mcp.json" not in shell.files()
    assert shell.run("install", "cursor", **{name: "env://WORD"})[0] == 0
    entry = json.loads(shell.files()[".cursor/mcp.json"])["mcpServers"]["ambassador"]
    assert entry["env"] == {"MCP_AMBASSADOR_URL": URL, name: "env://WORD"}


def test_settings_can_be_given_as_options(shell: Shell):
    code, _, errors = shell.run("install", "cursor", "--config", "my.json")
    assert (code, errors) == (0, "")
    entry = json.loads(shell.files()[".cursor/mcp.json"])["mcpServers"]["ambassador"]
    assert entry["args"] == ["proxy", "--host-tool", "cursor", "--config", os.path.abspath("my.json")]
    assert "env" not in entry
    assert shell.run("install", "cursor", "--account", "work")[2].startswith(
        "AMB-5003 there is no account 'work'."
    )
    book = account_store({"XDG_CONFIG_HOME": str(shell.home / ".config")})
    book.save(Account(name="work", server=URL))
    assert shell.run("install", "cursor")[2] == ""
    assert shell.run("install", "cursor", "--account", "work")[0] == 0
    entry = json.loads(shell.files()[".cursor/mcp.json"])["mcpServers"]["ambassador"]
    assert entry["args"] == ["proxy", "--host-tool", "cursor", "--account", "work"]
    assert "env" not in entry
    for words in (["--server", "https://me:secret@host"], ["--server", "http://far"], ["--config", "/a$b"]):
        code, output, errors = shell.run("install", "cursor", *words)
        assert (code, output, errors.count("\n")) == (2, "", 1)


def test_the_installed_command_starts_the_client(shell: Shell):
    assert shell.run("install", "cursor")[0] == 0
    entry = json.loads(shell.files()[".cursor/mcp.json"])["mcpServers"]["ambassador"]
    request = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}}
    ended = subprocess.run(
        [entry["command"], *entry["args"]],
        env={"HOME": str(shell.home), "XDG_RUNTIME_DIR": str(shell.home), **entry["env"], "MCP_AMBASSADOR_URL": "https://127.0.0.1:9",
             "MCP_AMBASSADOR_PRESHARED_KEY": KEY},
        input=json.dumps(request) + "\n", capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert json.loads(ended.stdout.splitlines()[0])["id"] == 1


def test_dry_run_shows_the_difference_and_changes_nothing(shell: Shell):
    (shell.home / ".cursor").mkdir()
    code, output, _ = shell.run("install", "--all", "--dry-run")
    assert code == 0
    assert output.startswith(f"--- /dev/null\n+++ {shell.home}/.cursor/mcp.json\n@@ -0,0 +1,")
    assert shell.files() == {}
    assert shell.run("install", "--all")[0] == 0
    before = shell.files()
    for words in (["uninstall", "--all", "--dry-run"], ["undo", "--dry-run"]):
        code, output, _ = shell.run(*words)
        assert code == 0
        assert "+++ /dev/null" in output
    assert shell.files() == before


def test_one_invalid_file_does_not_stop_the_others(shell: Shell):
    (shell.home / ".cursor/mcp.json").mkdir(parents=True)
    (shell.home / ".codex").mkdir()
    code, output, errors = shell.run(
        "install", "--all", "-o", "json", MCP_AMBASSADOR_PRESHARED_KEY="env://KEY"
    )
    assert code == 9
    assert {row["name"]: row["result"] for row in json.loads(output)} == {
        "codex_cli": "added",
        "cursor": "failed",
    }
    assert errors == f"cursor: AMB-5006 {shell.home}/.cursor/mcp.json is a directory. Move it away.\n"
    assert shell.run("install", "cursor")[0] == 1


def test_doctor_advises_to_correct_an_invalid_file(shell: Shell):
    file = shell.home / ".cursor/mcp.json"
    file.parent.mkdir()
    file.write_text("{")
    _, output, _ = shell.run("doctor", "--json")
    found = {each["check"]: each for each in json.loads(output)}["applications"]
    assert found["fix"] == f"Correct {file}, then run install again."


def test_undo_reverts_the_last_run(shell: Shell):
    assert shell.run("undo")[0] == 5
    shell.run("install", "cursor")
    first = shell.files()[".cursor/mcp.json"]
    shell.run("install", "cursor", "zed", "--server", "https://other.example.com")
    code, output, errors = shell.run("undo")
    assert (code, errors) == (0, "")
    assert [line.split()[:2] for line in output.splitlines()[1:]] == [
        ["cursor", "restored"],
        ["zed", "restored"],
    ]
    assert shell.files()[".cursor/mcp.json"] == first
    assert ".config/zed/settings.json" not in shell.files()
    (shell.home / ".cursor/mcp.json").write_text("{}\n")
    code, output, errors = shell.run("undo")
    assert (code, "+++ /dev/null" in output) == (6, True)
    assert "cursor: AMB-1011 " in errors
    assert (shell.home / ".cursor/mcp.json").read_text() == "{}\n"


def test_hosts(shell: Shell):
    shell.run("install", "cursor")
    code, output, errors = shell.run("hosts", "-o", "json")
    assert (code, errors) == (0, "")
    rows = {row["name"]: row for row in json.loads(output)}
    assert rows["cursor"] == {
        "name": "cursor",
        "title": "Cursor",
        "installed": True,
        "configured": "yes",
        "detail": None,
        "file": f"{shell.home}/.cursor/mcp.json",
    }
    assert (rows["zed"]["installed"], rows["zed"]["configured"]) == (False, "no")
    shell.program.rename(shell.program.with_name("moved"))
    shell.program = shell.program.with_name("moved")
    code, output, _ = shell.run("hosts")
    assert code == 0
    assert output.splitlines()[0].split() == ["NAME", "INSTALLED", "CONFIGURED", "FILE"]
    assert f"drifted: {shell.home}/bin/ambassador-client does not exist" in output


def test_print_equals_what_install_writes(shell: Shell):
    for host in ("cursor", "codex-cli", "goose"):
        code, output, _ = shell.run("hosts", "print", host)
        assert code == 0
        assert shell.run("install", host)[0] == 0
        assert output.encode() in shell.files().values()


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["install"], 2, "AMB-1001 no application is named. Run: ambassador-client install --all\n"),
        (["uninstall"], 2, "AMB-1001 no application is named. Run: ambassador-client uninstall --all\n"),
        (["install", "--all"], 5, "AMB-1002 no application is installed. "),
        (["uninstall", "--all"], 5, "AMB-1002 no application starts this client. "),
        (["install", "emacs"], 2, "AMB-1001 no application is called 'emacs'. Known applications: "),
        (["install", "zed", "--all"], 2, "AMB-1001 "),
        (["hosts", "print"], 2, "AMB-1001 "),
        (["undo", "zed"], 5, "zed: AMB-1002 there is nothing to undo for zed."),
    ],
)
def test_usage_and_settings_errors_are_one_line(shell: Shell, words: list[str], code: int, text: str):
    found, _, errors = shell.run(*words)
    assert (found, errors.count("\n")) == (code, 1)
    assert errors.startswith(text)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_install_asks_at_a_terminal(shell: Shell):
    (shell.home / ".cursor").mkdir()
    (shell.home / ".codex").mkdir()
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [shell.program, "install"],
        env=shell.environ,
        stdin=theirs,
        stderr=theirs,
        stdout=subprocess.PIPE,
        text=True,
    )
    os.write(ours, b"n\ny\n")
    output, _ = process.communicate(timeout=PATIENCE)
    os.close(theirs)
    os.close(ours)
    assert process.returncode == 0
    assert [line.split()[0] for line in output.splitlines()] == ["NAME", "cursor"]


def test_links_in_the_command_are_kept(tmp_path: Path):
    shim, environment = tmp_path / "bin", tmp_path / "venv"
    for directory in (shim, environment):
        directory.mkdir()
    program, python = environment / "ambassador-client", environment / "python"
    program.touch(stat.S_IRWXU)
    (shim / "ambassador-client").symlink_to(program)
    python.symlink_to(sys.executable)

    def found(argv0: Path | str, on_path: Path | None) -> tuple[str, ...]:
        return installed_command(str(argv0), str(python), lambda _: None if on_path is None else str(on_path))

    link = shim / "ambassador-client"
    assert found(link, None) == (str(link),)
    assert found(program, link) == (str(program),)
    assert found("ambassador-client", link) == (str(link),)
    assert found("/x/ambassador_client/__main__.py", None) == (str(program),)
    program.unlink()
    assert found("/x/ambassador_client/__main__.py", None) == (str(python), "-m", "ambassador_client")


SCRIPTS = r"C:\Users\my näme\pipx\venvs\mcp-ambassador\Scripts"
SHIM = r"C:\Users\my näme\.local\bin\ambassador-client.exe"


@pytest.mark.parametrize(
    ("argv0", "on_path", "there", "command"),
    [
        (SHIM.removesuffix(".exe"), None, {SHIM}, (SHIM,)),
        (SHIM, None, {SHIM}, (SHIM,)),
        (SHIM.removesuffix(".exe"), None, {SHIM, SHIM.removesuffix(".exe")}, (SHIM,)),
        ("ambassador-client", SHIM.replace("exe", "EXE"), {SHIM.replace("exe", "EXE")}, (SHIM.replace("exe", "EXE"),)),
        (r"C:\x\ambassador_client\__main__.py", None, {rf"{SCRIPTS}\ambassador-client.exe"},
         (rf"{SCRIPTS}\ambassador-client.exe",)),
        (r"C:\x\ambassador_client\__main__.py", None, set(), (rf"{SCRIPTS}\python.exe", "-m", "ambassador_client")),
    ],
)  # fmt: skip
def test_the_command_on_windows(argv0: str, on_path: str | None, there: set[str], command: tuple[str, ...]):
    found = installed_command(
        argv0, rf"{SCRIPTS}\python.exe", lambda _: on_path, paths=ntpath, can_run=there.__contains__
    )
    assert found == command


def test_unencodable_characters_are_escaped_on_windows(tmp_path: Path):
    """A name with characters outside the code page is still printed."""
    home = tmp_path / "日本"
    home.mkdir()
    shell = Shell(home)
    ended = subprocess.run(
        [shell.program, "hosts"],
        env={**shell.environ, "PYTHONIOENCODING": "cp1252"},
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "\\u65e5\\u672c/.config/zed/settings.json" in ended.stdout
    contexts = home / ".config/mcp-ambassador/admin/contexts.json"
    contexts.parent.mkdir(parents=True)
    contexts.write_text('{"current": null, "contexts": {"日本": {"server": "https://a"}}}', encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "ambassador_admin", "context", "list"],
        env={"HOME": str(home), "PYTHONIOENCODING": "cp1252"},
        cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "\\u65e5\\u672c" in ended.stdout
