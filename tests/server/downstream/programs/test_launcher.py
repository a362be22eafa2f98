"""Real programs in the sandboxes of this machine: what they can do, and that the ordinary ones run as they are."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ambassador_server.downstream.programs.plan import MARK, Launch, ProgramLimits, SandboxOptions
from ambassador_server.downstream.programs.settings import HiddenFiles, ProgramSettings
from ambassador_server.downstream.sandboxes import UnavailableError, load
from tests.patience import PATIENCE
from tests.server.downstream.support import until_dead

KINDS = ["landlock", "bubblewrap"]


class Room:
    """A directory with a hidden data directory, and programs that run in one sandbox."""

    def __init__(self, directory: Path, kind: str) -> None:
        self.directory = directory
        self.kind = kind
        self.data = directory / "data"
        self.hidden: list[str] = []
        self.home = directory / "home"
        for path in (self.data, self.home, directory / "shared", directory / "other"):
            path.mkdir()
        (self.data / "key").write_text("secret")
        (directory / "shared" / "file").write_text("shared\n")
        (directory / "other" / "file").write_text("other\n")

    def argv(
        self, *command: str, limits: Mapping[str, int] | None = None, cwd: Path | None = None, **sandbox: Any
    ) -> tuple[list[str], Mapping[str, str]]:
        program = shutil.which(command[0])
        assert program is not None, command
        launch = Launch(
            program=program,
            args=command[1:],
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), MARK: "test"},
            cwd=None if cwd is None else str(cwd),
            sandbox=SandboxOptions(kind=self.kind, **sandbox),
            settings=ProgramSettings(hidden=HiddenFiles([str(self.data), *self.hidden]), server_id="test"),
        )
        wrapped = load(self.kind).wrap(launch)
        return wrapped.argv(ProgramLimits(**(limits or {}))), wrapped.env

    def run(self, *command: str, cwd: Path | None = None, **more: Any) -> "subprocess.CompletedProcess[str]":
        argv, env = self.argv(*command, cwd=cwd, **more)
        return subprocess.run(
            argv, env=env, cwd=cwd, capture_output=True, text=True, check=False, timeout=PATIENCE
        )

    def shell(self, script: str, **more: Any) -> str:
        """Run a shell script and return what it printed."""
        return self.run("sh", "-c", script, **more).stdout


@pytest.fixture(params=KINDS)
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Room:
    """Return a room for each sandbox that this machine offers; one that is not says why."""
    try:
        load(request.param).offer(ProgramSettings())
    except UnavailableError as error:
        pytest.skip(f"{request.param}: {error}")
    return Room(tmp_path, request.param)


def test_strict_allows_only_what_is_named(room: Room):
    shared, other = room.directory / "shared", room.directory / "other"
    script = f"cat {shared}/file; cat {other}/file; echo x > {shared}/new || echo no; echo x > {other}/new || echo no"
    read = room.shell(script, profile="strict", read=[str(shared)])
    assert read.split() == ["shared", "no", "no"]
    written = room.shell(script, profile="strict", write=[str(shared)])
    assert written.split() == ["shared", "no"]
    assert (shared / "new").read_text() == "x\n"
    assert room.shell(f"cat {room.data}/key", profile="strict", write=[str(room.directory)]) == ""


def test_strict_lets_a_program_connect_to_named_ports_alone(room: Room):
    code = (
        "import socket, sys; print(socket.create_connection(('127.0.0.1', int(sys.argv[1]))) and 'connected')"
    )
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if python is None:
        pytest.skip("the interpreter lies outside the directories that every program may read")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def connect(**sandbox: Any) -> str:
            return room.run(python, "-c", code, str(port), profile="strict", **sandbox).stdout.strip()

        assert connect() == ""
        assert connect(connect="any") == "connected"
        if room.kind == "landlock":
            assert connect(connect=[port]) == "connected"
            assert connect(connect=[1]) == ""


@pytest.mark.parametrize("family", ["AF_UNIX", "AF_INET", "AF_NETLINK"])
def test_a_program_that_may_connect_to_nothing_gets_no_socket_but_pairs(room: Room, family: str):
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if python is None:
        pytest.skip("the interpreter lies outside the directories that every program may read")
    if room.kind == "bubblewrap":
        pytest.skip("it has networks and files of its own, in which sockets lead nowhere")
    code = f"import socket; socket.socketpair(); print('pair'); socket.socket(socket.{family}, socket.SOCK_DGRAM)"
    done = room.run(python, "-c", code, profile="strict")
    assert done.stdout == "pair\n"
    assert "Permission denied" in done.stderr
    named = room.run(python, "-c", code, profile="strict", connect=[443])
    assert ("Permission denied" in named.stderr) == (family == "AF_UNIX"), named.stderr
    assert room.run(python, "-c", code, profile="strict", connect="any").returncode == 0


def test_a_plan_may_hide_thousands_of_files(room: Room):
    hidden = [f"{room.directory}/shared/{number:0200}" for number in range(2000)]
    room.hidden = hidden
    (room.directory / "shared" / Path(hidden[-1]).name).write_text("secret")
    assert room.shell(f"cat {room.directory}/shared/file; cat {hidden[-1]}") == "shared\n"


def test_limits_hold_for_the_program(room: Room):
    shown = room.shell(
        "ulimit -n; ulimit -t; ulimit -d; ulimit -c",
        limits={"open_files": 64, "cpu_seconds": 7, "memory_bytes": 2**30},
    )
    assert shown.split() == ["64", "7", str(2**20), "0"]


def test_a_program_has_caches_a_temporary_directory_and_no_start_up_files_of_its_user(room: Room):
    script = """
for path in "$HOME/.cache/x" "$HOME/.npm/x" "${TMPDIR:-/tmp}/x" /dev/null; do echo 1 > "$path" && echo written; done
for path in "$HOME/.bashrc" "$HOME/.ssh" /etc/mine /usr/mine; do mkdir "$path" 2>/dev/null && echo "made $path"; done
"""
    for name in (".cache", ".npm"):
        (room.home / name).mkdir()
    assert room.shell(script).split() == ["written"] * 4


def test_a_python_module_of_a_working_directory_beside_the_data_runs(room: Room):
    (room.directory / "package").mkdir()
    (room.directory / "package" / "__main__.py").write_text("import helper; print(helper.WORD)")
    (room.directory / "helper.py").write_text("WORD = 'helped'")
    done = room.run(sys.executable, "-m", "package", cwd=room.directory)
    assert done.stdout == "helped\n", done.stderr


def test_npx_runs_a_package(room: Room):
    if shutil.which("npx") is None:
        pytest.skip("there is no npx")
    package = room.directory / "package"
    package.mkdir()
    (package / "package.json").write_text('{"name": "tiny", "version": "1.0.0", "bin": {"tiny": "tiny.js"}}')
    (package / "tiny.js").write_text("#!/usr/bin/env node\nconsole.log('node runs')\n")
    (package / "tiny.js").chmod(0o755)
    for name in (".cache", ".npm"):
        (room.home / name).mkdir()
    done = room.run("npx", "--yes", "--offline", "--no-update-notifier", f"file:{package}")
    assert "node runs" in done.stdout, done.stderr


def test_a_program_that_cannot_be_started_says_so(room: Room, tmp_path: Path):
    broken = tmp_path / "other" / "broken"
    broken.write_bytes(b"\x7fELF")
    broken.chmod(0o755)
    done = room.run(str(broken))
    assert done.returncode != 0
    assert str(broken) in done.stderr


def test_a_program_is_not_started_when_its_server_ended_before(room: Room):
    """The plan names this process, so below another one the launcher takes its server for dead."""
    argv, env = room.argv("echo", "started")
    story = "import subprocess, sys; print(subprocess.run(sys.argv[1:]).returncode)"
    done = subprocess.run(
        [sys.executable, "-c", story, *argv],
        env=env,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    assert done.stdout.split() == ["-9"]


async def test_a_program_ends_when_its_server_is_killed():
    """Not by the end of its input, which it does not read."""
    story = """
import subprocess, sys
from ambassador_server.downstream.programs.plan import ProgramLimits, Wrapped
wrapped = Wrapped(program="/bin/sleep", args=["600"], env={})
print(subprocess.Popen(wrapped.argv(ProgramLimits())).pid, flush=True)
sys.stdin.read()
"""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", story, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    pid = int(await server.stdout.readline())
    server.kill()
    await server.wait()
    await until_dead(pid)


def test_programs_have_the_usual_limit_of_open_files_and_may_raise_it(room: Room) -> None:
    soft, hard = (
        int(word) if word.strip().isdigit() else 2**63
        for word in room.shell("ulimit -Sn; ulimit -Hn").split()
    )
    assert soft == min(1024, hard)
