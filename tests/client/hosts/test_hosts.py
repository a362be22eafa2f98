"""The applications: the paths of their files, and the changes to them."""

from pathlib import Path

import pytest

from ambassador_client.cli.hosts import apply_to_each
from ambassador_client.errors import ChangedMeanwhileError, HostFileError, UsageError
from ambassador_client.hosts.formats.editor import find
from ambassador_client.hosts.installing import registry
from ambassador_client.hosts.installing.host import PLATFORMS, Host, Launch
from ambassador_client.hosts.installing.installer import Change, Installer, starts_this_client
from ambassador_client.hosts.installing.journal import Journal
from ambassador_client.hosts.installing.registry import all_hosts, host_named
from ambassador_client.hosts.installing.status import is_installed, status_of
from ambassador_protocol.sessions import HOST_TOOLS
from tests.client.hosts.goldens import (
    DIRECTORY,
    LAUNCH,
    OLD,
    commented,
    elsewhere,
    golden,
    installer,
    launch_there,
    machine,
    path_of,
)

HOSTS = pytest.mark.parametrize("host", all_hosts(), ids=lambda host: host.name)


def test_every_module_of_the_folder_is_an_application():
    names = {path.stem for path in Path(registry.__file__).parents[1].glob("*.py")} - {"__init__"}
    assert {host.name for host in all_hosts()} == names
    assert len(names) == 14
    assert {host.tool for host in all_hosts()} <= set(HOST_TOOLS)
    assert host_named("claude-code") is host_named("claude_code")
    with pytest.raises(UsageError, match="Known applications: claude_code, "):
        host_named("emacs")


@pytest.mark.parametrize(
    ("name", "platform", "environ", "expected"),
    [
        ("vscode", "linux", {"XDG_CONFIG_HOME": "/x"}, "/x/Code/User/mcp.json"),
        ("vscode", "linux", {"XDG_CONFIG_HOME": "relative"}, "/home/me/.config/Code/User/mcp.json"),
        (
            "vscode",
            "darwin",
            {"XDG_CONFIG_HOME": "/x"},
            "/Users/me/Library/Application Support/Code/User/mcp.json",
        ),
        ("vscode", "win32", {"APPDATA": r"D:\x"}, r"D:\x\Code\User\mcp.json"),
        ("vscode", "linux", {"VSCODE_PORTABLE": "/x"}, "/x/user-data/User/mcp.json"),
        ("claude_desktop", "win32", {"APPDATA": r"D:\x"}, r"D:\x\Claude\claude_desktop_config.json"),
        ("claude_code", "linux", {"CLAUDE_CONFIG_DIR": "/x"}, "/x/.claude.json"),
        ("gemini_cli", "linux", {"GEMINI_CLI_HOME": "/x"}, "/x/.gemini/settings.json"),
        ("opencode", "darwin", {"XDG_CONFIG_HOME": "/x"}, "/x/opencode/opencode.json"),
        ("opencode", "linux", {"OPENCODE_CONFIG_DIR": "/x"}, "/x/opencode.json"),
        ("codex_cli", "linux", {"CODEX_HOME": "/x"}, "/x/config.toml"),
        ("codex_cli", "linux", {"CODEX_HOME": ""}, "/home/me/.codex/config.toml"),
        ("zed", "linux", {"XDG_CONFIG_HOME": "/x"}, "/x/zed/settings.json"),
        ("zed", "linux", {"XDG_CONFIG_HOME": "/x", "FLATPAK_XDG_CONFIG_HOME": "/y"}, "/y/zed/settings.json"),
        ("zed", "win32", {"APPDATA": r"D:\x"}, r"D:\x\Zed\settings.json"),
        ("goose", "linux", {"XDG_CONFIG_HOME": "/x"}, "/x/goose/config.yaml"),
        ("goose", "linux", {"GOOSE_PATH_ROOT": "/x"}, "/x/config/config.yaml"),
        ("goose", "win32", {"APPDATA": r"D:\x"}, r"D:\x\Block\goose\config\config.yaml"),
        ("continue_dev", "linux", {"CONTINUE_GLOBAL_DIR": "/x"}, "/x/config.yaml"),
        ("cline", "linux", {"CLINE_DIR": "/x"}, "/x/data/settings/cline_mcp_settings.json"),
        (
            "cline",
            "linux",
            {"CLINE_DIR": "/x", "CLINE_DATA_DIR": "/y"},
            "/y/settings/cline_mcp_settings.json",
        ),
        ("cline", "linux", {"CLINE_MCP_SETTINGS_PATH": "/x.json"}, "/x.json"),
        ("vscode", "win32", {"APPDATA": r"\x"}, r"C:\Users\my näme\AppData\Roaming\Code\User\mcp.json"),
        ("vscode", "win32", {"APPDATA": "D:x"}, r"C:\Users\my näme\AppData\Roaming\Code\User\mcp.json"),
        ("vscode", "win32", {"APPDATA": ""}, r"C:\Users\my näme\AppData\Roaming\Code\User\mcp.json"),
        ("vscode", "win32", {"VSCODE_PORTABLE": "E:/code"}, r"E:\code\user-data\User\mcp.json"),
        ("vscode", "win32", {"APPDATA": r"\\nas\me"}, r"\\nas\me\Code\User\mcp.json"),
        ("opencode", "win32", {"XDG_CONFIG_HOME": r"D:\x"}, r"D:\x\opencode\opencode.json"),
        ("codex_cli", "win32", {"CODEX_HOME": r"D:\x"}, r"D:\x\config.toml"),
        ("goose", "win32", {"GOOSE_PATH_ROOT": r"D:\x"}, r"D:\x\config\config.yaml"),
        ("copilot_cli", "linux", {"COPILOT_HOME": "/x"}, "/x/mcp-config.json"),
    ],
)
def test_environment_variables_move_the_files(
    name: str, platform: str, environ: dict[str, str], expected: str, tmp_path: Path
):
    assert str(host_named(name).file(elsewhere(platform, tmp_path, **environ))) == expected


def test_detection_of_installed_applications(tmp_path: Path):
    here = machine(tmp_path)
    commented_file = tmp_path / ".config/opencode/opencode.jsonc"
    commented_file.parent.mkdir(parents=True, exist_ok=True)
    commented_file.touch()
    assert host_named("opencode").file(here) == commented_file
    there = elsewhere("win32", tmp_path)
    store = there.home / "AppData/Local/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming"
    there.local(store).mkdir(parents=True)
    assert host_named("claude_desktop").file(there) == store / "Claude/claude_desktop_config.json"
    assert is_installed(host_named("opencode"), here)
    assert not is_installed(host_named("cursor"), here)
    program = tmp_path / "bin/cursor"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    assert is_installed(host_named("cursor"), machine(tmp_path, PATH=str(program.parent)))


@pytest.mark.parametrize("platform", PLATFORMS)
@HOSTS
def test_golden(host: Host, platform: str, tmp_path: Path):
    expected = path_of(host, platform)
    assert expected.exists(), "python -m tests.client.hosts.goldens writes it"
    found = golden(host, platform, tmp_path)
    assert found == expected.read_bytes().decode()
    assert "amb_" not in found


def test_every_golden_belongs_to_an_application():
    assert set(DIRECTORY.rglob("*.txt")) == {
        path_of(host, platform) for host in all_hosts() for platform in PLATFORMS
    }


@HOSTS
def test_windows_paths_are_written_correctly(host: Host, tmp_path: Path):
    """The application reads the original path, although the format escapes backslashes."""
    there = elsewhere("win32", tmp_path)
    launch = launch_there(host, there)
    changes = Installer(there, Journal(tmp_path / "state"))
    changes.make(changes.plan_install(host, launch))
    entry = find(host.editor.load(there.local(host.file(there)).read_text(encoding="utf-8")), host.entry_path)
    assert entry == host.entry(launch)
    words = [word for each in entry.values() for word in (each if isinstance(each, list) else [each])]
    assert r"C:\Users\my näme\.local\bin\ambassador-client.exe" in words
    assert r"C:\ProgramData\new\ours.pem" in words
    assert starts_this_client(entry)
    again = changes.plan_install(host, launch)
    assert (again.is_needed, again.result) == (False, "unchanged")


@pytest.mark.parametrize("platform", PLATFORMS)
@HOSTS
def test_line_ends_are_kept(host: Host, platform: str, tmp_path: Path):
    there = elsewhere(platform, tmp_path)
    file = there.local(host.file(there))
    file.parent.mkdir(parents=True)
    before = commented(host).replace("\n", "\r\n").encode()
    file.write_bytes(before)
    changes = Installer(there, Journal(tmp_path / "state"))
    changes.make(changes.plan_install(host, launch_there(host, there)))
    assert file.read_bytes().count(b"\n") == file.read_bytes().count(b"\r\n") > before.count(b"\r\n")
    changes.make(changes.plan_uninstall(host))
    assert file.read_bytes() == before


@HOSTS
@pytest.mark.parametrize("start", ["nothing", "commented"])
def test_installing_twice_and_uninstalling_restores_the_file(host: Host, start: str, tmp_path: Path):
    file = host.file(machine(tmp_path))
    if start == "commented":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(commented(host))
        file.chmod(0o640)
    changes = installer(tmp_path)
    changes.make(changes.plan_install(host, LAUNCH))
    once = file.read_bytes()
    again = installer(tmp_path).plan_install(host, LAUNCH)
    assert (again.is_needed, again.result, again.after) == (False, "unchanged", once)

    out = installer(tmp_path).plan_uninstall(host)
    assert out.result == "removed"
    installer(tmp_path).make(out)
    if start == "nothing":
        assert not file.exists()
    else:
        assert file.read_text() == commented(host)
        assert file.stat().st_mode & 0o777 == 0o640
    assert installer(tmp_path).plan_uninstall(host).result == "absent"


@HOSTS
def test_undo_reverts_step_by_step(host: Host, tmp_path: Path):
    file = host.file(machine(tmp_path))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(commented(host))
    states = [file.read_bytes()]
    for launch in (OLD, LAUNCH, None):
        changes = installer(tmp_path)
        plan = changes.plan_uninstall(host) if launch is None else changes.plan_install(host, launch)
        changes.make(plan)
        states.append(file.read_bytes())
    backups = [path for path in (tmp_path / "state").iterdir() if path.name.startswith(f"{host.name}-")]
    assert sorted(path.read_bytes() for path in backups) == sorted(states[:3])
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()} == {0o600}
    for expected in reversed(states[:3]):
        changes = installer(tmp_path)
        back = changes.plan_undo(host)
        assert back is not None
        changes.undo(back)
        assert file.read_bytes() == expected
    assert installer(tmp_path).plan_undo(host) is None
    assert [path.name for path in (tmp_path / "state").iterdir()] == [f"{host.name}.json"]


def test_undo_refuses_a_file_changed_since(tmp_path: Path):
    host = host_named("cursor")
    changes = installer(tmp_path)
    changes.make(changes.plan_install(host, LAUNCH))
    file = host.file(machine(tmp_path))
    file.write_text(file.read_text().replace("\n}", ",\n}"))
    before = file.read_bytes()
    with pytest.raises(ChangedMeanwhileError, match="was changed by another program"):
        changes.plan_undo(host)
    assert file.read_bytes() == before


def test_old_backups_are_deleted(tmp_path: Path):
    host = host_named("cursor")
    for number in range(15):
        changes = installer(tmp_path)
        changes.make(changes.plan_install(host, Launch(command=f"/{number}/ambassador-client", arguments=())))
    assert len(list((tmp_path / "state").iterdir())) == 11


def test_containers_of_other_entries_stay(tmp_path: Path):
    host = host_named("cursor")
    file = host.file(machine(tmp_path))
    file.parent.mkdir()
    file.write_text('{\n  "mcpServers": {},\n  "x": 1\n}\n')
    changes = installer(tmp_path)
    changes.make(changes.plan_install(host, LAUNCH))
    changes.make(changes.plan_uninstall(host))
    assert file.read_text() == '{\n  "mcpServers": {},\n  "x": 1\n}\n'
    file.write_text('{\n  "x": 1\n}\n')
    changes.make(changes.plan_install(host, LAUNCH))
    changes.make(changes.plan_uninstall(host))
    assert file.read_text() == '{\n  "x": 1\n}\n'


def test_an_entry_of_the_same_name_for_another_program_is_replaced(tmp_path: Path):
    host = host_named("cursor")
    file = host.file(machine(tmp_path))
    file.parent.mkdir()
    file.write_text('{"mcpServers": {"ambassador": {"url": "https://elsewhere", "headers": {}}}}')
    after = installer(tmp_path).plan_install(host, LAUNCH).after
    assert after is not None
    assert find(host.editor.load(after.decode()), host.entry_path) == host.entry(LAUNCH)


def test_an_entry_disabled_by_the_user_stays_disabled(tmp_path: Path):
    host = host_named("goose")
    file = host.file(machine(tmp_path))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(host.editor.put("", host.entry_path, {**host.entry(OLD), "enabled": False}))
    after = installer(tmp_path).plan_install(host, LAUNCH).after
    assert after is not None
    entry = find(host.editor.load(after.decode()), host.entry_path)
    assert (entry["enabled"], entry["cmd"]) == (False, LAUNCH.command)


def test_continue_with_an_old_file_is_refused(tmp_path: Path):
    (tmp_path / ".continue").mkdir()
    (tmp_path / ".continue/config.json").write_text("{}")
    with pytest.raises(HostFileError, match="would ignore"):
        installer(tmp_path).plan_install(host_named("continue_dev"), LAUNCH)


def test_status_reports_drift(tmp_path: Path):
    host, here, journal = host_named("opencode"), machine(tmp_path), Journal(tmp_path / "state")
    program = tmp_path / "ambassador-client"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    launch = Launch(command=str(program), arguments=("proxy",))

    def status() -> tuple[str, str]:
        found = status_of(host, here, journal, launch)
        return found.configured, found.detail

    assert status() == ("no", "")
    changes = installer(tmp_path)
    changes.make(changes.plan_install(host, launch))
    assert status() == ("yes", "")
    file = host.file(here)
    written = file.read_text()
    file.write_text(written.replace('"enabled": true', '"enabled": false, "more": 1'))
    assert status() == ("yes", "")
    file.write_text(written.replace('"proxy"', '"proxy", "--server", "https://elsewhere"'))
    assert status() == ("drifted", "command differs")
    file.write_text(written)
    program.unlink()
    assert status() == ("drifted", f"{program} does not exist")
    file.write_text("{")
    assert status()[0] == "unknown"


@pytest.mark.parametrize("platform", PLATFORMS)
@HOSTS
def test_status_on_every_platform(host: Host, platform: str, tmp_path: Path):
    there, journal = elsewhere(platform, tmp_path), Journal(tmp_path / "state")
    launch = launch_there(host, there)
    program = there.local(type(there.home)(launch.command))
    program.parent.mkdir(parents=True)
    program.touch(0o700)
    assert not is_installed(host, there)
    assert status_of(host, there, journal, launch).configured == "no"
    changes = Installer(there, journal)
    changes.make(changes.plan_install(host, launch))
    found = status_of(host, there, journal, launch)
    assert (found.installed, found.configured, found.file) == (True, "yes", str(host.file(there)))
    program.unlink()
    found = status_of(host, there, journal, launch)
    assert (found.configured, found.detail) == ("drifted", f"{launch.command} does not exist")


def test_ctrl_c_during_an_installation_says_what_was_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    changes, hosts = installer(tmp_path), all_hosts()[:3]

    def plan(host: Host) -> Change:
        if host is hosts[1]:
            raise KeyboardInterrupt
        return changes.plan_install(host, OLD)

    with pytest.raises(KeyboardInterrupt):
        apply_to_each(hosts, plan, changes.make, dry_run=False, output=None)
    told = capsys.readouterr()
    names = [host.name for host in hosts]
    assert told.err == (f"Interrupted at {names[1]}; changed before: {names[0]}; not reached: {names[2]}.\n")
