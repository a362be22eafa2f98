"""Runs the command inside this process, with a fixed time."""

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


class FakeTerminal(io.StringIO):
    """A text stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass(frozen=True)
class Result:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str


@dataclass
class Shell:
    """A home directory and an environment to run the command in."""

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
        """Return the directory of the command's files."""
        return self.home / "config" / "mcp-ambassador" / "admin"

    def at(self, url: str, key: str = ADMIN_KEY) -> "Shell":
        """Return a shell with a server and a key in its environment."""
        return Shell(self.home, {"MCP_AMBASSADOR_ADMIN_URL": url, "MCP_AMBASSADOR_ADMIN_KEY": key})

    def run(
        self,
        *words: str,
        stdin: str = "",
        terminal: bool = False,
        environ: Mapping[str, str] | None = None,
        **more: str,
    ) -> Result:
        """Run the command in this process."""
        kind = FakeTerminal if terminal else io.StringIO
        out, err = kind(), kind()
        environment = Environment(
            variables={**self.environ, **(environ or {}), **more},
            stdin=kind(stdin),
            stdout=out,
            stderr=err,
            now=lambda: NOW,
        )
        return Result(run(words, environment), out.getvalue(), err.getvalue())

    def log_in(self, name: str, url: str, key: str = ADMIN_KEY) -> None:
        """Store a context and its key, as a login does."""
        CredentialStore(self.directory).put(name, key)
        ContextStore(self.directory).save(name=name, server=url, ca_pem=None)

    def start(self, *words: str, **options: Any) -> "subprocess.Popen[str]":
        """Start the real command in its own process."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith("MCP_AMBASSADOR")}
        environ: Mapping[str, str] = {**plain, **self.environ}
        return subprocess.Popen(
            [str(PROGRAM), *words],
            env=environ,
            text=True,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )
