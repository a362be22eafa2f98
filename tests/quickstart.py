"""Runs `ambassador-server quickstart` until it serves, and reads what it printed for people to paste."""

import os
import pty
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.patience import PATIENCE
from tests.rig import BIN, CommandError

FREE_PORTS = {"MCP_AMBASSADOR_PORT": "0", "MCP_AMBASSADOR_ADMIN_PORT": "0"}
_LAST_LINE = re.compile(r"^  ambassador-server serve --config .+\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Quickstart:
    """A server that quickstart has set up; the files are its standard output and its standard error."""

    process: "subprocess.Popen[bytes]"
    stdout: Path
    stderr: Path

    @property
    def printed(self) -> str:
        """Return everything that was printed on standard output."""
        return self.stdout.read_text()

    def line(self, program: str) -> list[str]:
        """Return the words of the one line that starts this program."""
        (line,) = re.findall(rf"^  ({program} .+)$", self.printed, re.MULTILINE)
        return shlex.split(line)

    @property
    def admin_key(self) -> str:
        """Return the first admin key."""
        (key,) = re.findall(r"^  (amb_ak_\S+)$", self.printed, re.MULTILINE)
        return str(key)

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the server's certificate authority."""
        line = self.line("ambassador-client")
        return line[line.index("--fingerprint") + 1]

    @property
    def code(self) -> str:
        """Return the first developer's one-time code."""
        return self.line("ambassador-client")[-1]

    @property
    def client_url(self) -> str:
        """Return the address for clients."""
        return self.line("ambassador-client")[2]

    @property
    def admin_url(self) -> str:
        """Return the address for administrators."""
        return self.line("ambassador-admin")[2]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop the server and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE)

    def await_text(self, pattern: "re.Pattern[str]", file: Path) -> None:
        """Wait until a file has this text; raises CommandError if the process ends without it."""
        deadline = time.monotonic() + PATIENCE
        while pattern.search(file.read_text()) is None:
            if self.process.poll() is not None and pattern.search(file.read_text()) is None:
                raise CommandError(f"exit {self.process.returncode}\n{self.printed}{self.stderr.read_text()}")
            if time.monotonic() > deadline:
                raise CommandError(f"it does not serve\n{self.printed}{self.stderr.read_text()}")
            time.sleep(0.02)


@contextmanager
def started(
    directory: Path,
    words: Sequence[str],
    env: Mapping[str, str],
    *,
    answers: Sequence[str] | None = None,
    program: Path = BIN / "ambassador-server",
) -> Iterator[Quickstart]:
    """Start quickstart in a directory, and yield; with `answers` on a terminal, where these are typed."""
    out, err = directory / "quickstart.out", directory / "quickstart.err"
    terminal, stdin = (None, subprocess.DEVNULL) if answers is None else pty.openpty()
    try:
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                [program, "quickstart", *words],
                cwd=directory,
                env=env,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
            )
        found = Quickstart(process, out, err)
        if terminal is not None:
            os.write(terminal, "".join(f"{answer}\n" for answer in answers or ()).encode())
        try:
            yield found
        finally:
            found.stop()
    finally:
        for descriptor in (terminal, stdin):
            if descriptor is not None and descriptor >= 0:
                os.close(descriptor)


@contextmanager
def serving(
    directory: Path,
    words: Sequence[str],
    env: Mapping[str, str],
    *,
    answers: Sequence[str] | None = None,
    program: Path = BIN / "ambassador-server",
) -> Iterator[Quickstart]:
    """Start quickstart, and yield when it serves and has printed all that people need."""
    with started(directory, words, env, answers=answers, program=program) as found:
        found.await_text(_LAST_LINE, found.stdout)
        yield found


def uvx_of_here(directory: Path) -> Path:
    """Write a `uvx` that starts the MCP servers that are installed here instead of fetching them."""
    directory.mkdir(exist_ok=True)
    script = directory / "uvx"
    script.write_text(f'#!/bin/sh\nname=$1\nshift\nexec {shlex.quote(str(BIN))}/"$name" "$@"\n')
    script.chmod(0o755)
    return directory
