"""Runs the command as a person would, inside this process, with a clock that stands still."""

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ambassador_admin.cli.app import run
from ambassador_admin.context.invocation import Environment
from ambassador_admin.context.store import ContextStore
from ambassador_client.account.credentials import CredentialStore
from tests.admin.fake_state import ADMIN_KEY

NOW = datetime(2026, 5, 4, 13, 30, tzinfo=UTC)
PROGRAM = Path(sys.executable).parent / "ambassador-admin"


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass(frozen=True)
class Done:
    """What one command left behind."""

    code: int
    out: str
    err: str


@dataclass
class Shell:
    """A home directory, an environment and the command in it."""

    home: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.environ = {
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "HOME": str(self.home),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        } | self.environ

    @property
    def directory(self) -> Path:
        """Return where the command keeps its files."""
        return self.home / "config" / "mcp-ambassador" / "admin"

    def at(self, url: str, key: str = ADMIN_KEY) -> "Shell":
        """Return a shell whose environment names a server and a key."""
        return Shell(self.home, {"MCP_AMBASSADOR_ADMIN_URL": url, "MCP_AMBASSADOR_ADMIN_KEY": key})

    def run(
        self,
        *words: str,
        stdin: str = "",
        terminal: bool = False,
        environ: Mapping[str, str] | None = None,
        **more: str,
    ) -> Done:
        """Run the command in this process."""
        kind = Terminal if terminal else io.StringIO
        out, err = kind(), kind()
        environment = Environment(
            variables={**self.environ, **(environ or {}), **more},
            stdin=kind(stdin),
            stdout=out,
            stderr=err,
            now=lambda: NOW,
        )
        return Done(run(words, environment), out.getvalue(), err.getvalue())

    def log_in(self, name: str, url: str, key: str = ADMIN_KEY) -> None:
        """Leave behind what a login does."""
        CredentialStore(self.directory).put(name, key)
        ContextStore(self.directory).save(name=name, server=url, ca_pem=None)

    def start(self, *words: str, **options: Any) -> "subprocess.Popen[str]":
        """Start the real command in a process of its own."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith("MCP_AMBASSADOR")}
        environ: Mapping[str, str] = {**plain, **self.environ}
        return subprocess.Popen(
            [str(PROGRAM), *words],
            env=environ,
            text=True,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )
