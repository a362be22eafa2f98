"""Our commands as processes that import nothing: each is forked from a process that has imported everything.

Most of the processor time of a short command is the import of its libraries. Tests of what a command does start it
here; tests of how it starts, the demo and the benchmarks start it as people do.
"""

import io
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_MODULES = [
    "tests.preloaded",
    *(
        path.relative_to(_ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        for path in _ROOT.glob("ambassador_*/**/*.py")
        if path.name != "__main__.py" and "migrations" not in path.parts
    ),
    # What libraries import when they are first used; `keyring` itself reads the environment of its import.
    *("aiosqlite", "alembic.command", "encodings.idna", "encodings.utf_8_sig", "httpcore", "httpx", "uvloop"),
    *("importlib_metadata", "jaraco.classes.properties", "jaraco.context", "jaraco.functools"),
    *("cryptography.hazmat.backends.openssl.backend", "sqlalchemy.ext.compiler"),
    *("tests.command_trees", "tests.forked_index"),
]
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(_MODULES)


class Process:
    """A running command, with the part of the interface of `subprocess.Popen` that the tests use."""

    def __init__(
        self,
        command: str,
        *words: str,
        env: Mapping[str, str],
        stdout: Path,
        stderr: Path,
        stdin: Path = Path(os.devnull),
        program: Path | None = None,
    ) -> None:
        """Start the command, as if its file were `program`; what it writes is appended to the files.

        Variables that Python itself reads, such as PYTHONIOENCODING, come too late for it.
        """
        argv = [str(program or Path(sys.executable).with_name(command)), *words]
        self._process = _CONTEXT.Process(
            target=_become,
            args=(command, argv, dict(env), Path.cwd(), (stdin, stdout, stderr)),
            daemon=True,
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code."""
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal unless it has ended; the process that forked it can have reaped it before its end is known."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)


def run(
    command: str,
    *words: str,
    env: Mapping[str, str],
    stdin: str = "",
    timeout: float,
    program: Path | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end, as `subprocess.run` does, and return what it printed."""
    with tempfile.TemporaryDirectory() as directory:
        given, out, err = (Path(directory, name) for name in ("stdin", "stdout", "stderr"))
        given.write_text(stdin)
        process = Process(command, *words, env=env, stdin=given, stdout=out, stderr=err, program=program)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        return subprocess.CompletedProcess([command, *words], code, out.read_text(), err.read_text())


def _become(
    command: str,
    argv: list[str],
    environment: dict[str, str],
    directory: Path,
    files: tuple[Path, Path, Path],
) -> None:
    """Turn this process into the command."""
    missing = set(_MODULES) - sys.modules.keys()
    assert not missing, (
        f"{missing} could not be imported"
    )  # a module that has moved is no error to `multiprocessing`
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    writing = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for number, (file, flags) in enumerate(zip(files, (os.O_RDONLY, writing, writing), strict=True)):
        opened = os.open(file, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.BufferedWriter(io.FileIO(number, "w", closefd=False)), line_buffering=number == 2)
        for number in (1, 2)
    )
    sys.argv = argv
    if argv[1:2] == ["serve"] and sys.platform == "linux":
        import_module("tests.forked_index").prepare()
    sys.exit(import_module(f"{command.replace('-', '_')}.__main__").main())
