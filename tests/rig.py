"""A real server in a temporary directory, and the real commands against it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import preloaded
from tests.patience import PATIENCE

BIN = Path(sys.executable).parent


class CommandError(AssertionError):
    """A command ended otherwise than expected; the text shows what it printed."""


def run(
    command: str, *words: str, env: Mapping[str, str], stdin: str = "", timeout: float
) -> "subprocess.CompletedProcess[str]":
    """Run one of our commands to its end and return what it printed."""
    return subprocess.run(
        [str(BIN / command), *words],
        check=False,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=env,
    )


@dataclass
class Rig:
    """One server process and its data directory."""

    directory: Path
    tls: bool = True
    server_flags: tuple[str, ...] = ()
    server: tuple[str, ...] = (str(BIN / "ambassador-server"),)
    is_preloaded: bool = False
    """Whether the commands are forked from a process that has imported them: much cheaper, and not how people start."""
    process: "subprocess.Popen[bytes] | preloaded.Process | None" = None
    facts: dict[str, Any] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def data_dir(self) -> Path:
        return self.directory / "data"

    @property
    def client_url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.ports['port']}"

    @property
    def admin_url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.ports['admin_port']}"

    @property
    def log_file(self) -> Path:
        return self.directory / "server.log"

    def init(self) -> dict[str, Any]:
        """Run `ambassador-server init` and keep what it printed."""
        answer = self.run("ambassador-server", "init", "--data-dir", str(self.data_dir), "--json")
        self.facts = json.loads(answer.stdout)
        return self.facts

    def start(self) -> None:
        """Run `ambassador-server serve`; the first time on free ports, later on the same ones."""
        ready_file = self.directory / "ready.json"
        ready_file.unlink(missing_ok=True)
        ports = (str(self.ports.get("port", 0)), str(self.ports.get("admin_port", 0)))
        words = ["serve", "--data-dir", str(self.data_dir), "--tls", "on" if self.tls else "off"]
        words += ["--port", ports[0], "--admin-port", ports[1], "--ready-file", str(ready_file)]
        self.process = self._launch(*words, *self.server_flags)
        self.ports = json.loads(self._await_ready(ready_file))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and return the exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(number)
        code = self.process.wait(timeout=PATIENCE)
        self.process = None
        return code

    def admin(
        self, *words: str, expect: int = 0, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `ambassador-admin` against this server."""
        return self.run("ambassador-admin", *words, expect=expect, stdin=stdin, env=self.admin_environment())

    def admin_json(self, *words: str) -> Any:
        """Run `ambassador-admin … -o json` and return what it printed."""
        return json.loads(self.admin(*words, "-o", "json").stdout)

    def admin_environment(self) -> dict[str, str]:
        """Return the environment in which `ambassador-admin` finds this server."""
        trust = {"MCP_AMBASSADOR_CA_FILE": self.facts["ca_file"]} if self.tls else {}
        return {
            "MCP_AMBASSADOR_ADMIN_URL": self.admin_url,
            "MCP_AMBASSADOR_ADMIN_KEY": self.facts["admin_key"],
            **trust,
        }

    def client_environment(self, preshared_key: str) -> dict[str, str]:
        """Return the environment in which `ambassador-client` finds this server."""
        trust = {"MCP_AMBASSADOR_CA_FILE": self.facts["ca_file"]} if self.tls else {}
        return {
            "MCP_AMBASSADOR_URL": self.client_url,
            "MCP_AMBASSADOR_PRESHARED_KEY": preshared_key,
            **trust,
        }

    def run(
        self,
        command: str,
        *words: str,
        expect: int = 0,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run one of our commands as a person would; any other exit code than expected raises CommandError."""
        environment = {**self.environment(), **(env or {})}
        start = preloaded.run if self.is_preloaded else run
        done = start(command, *words, env=environment, stdin=stdin or "", timeout=PATIENCE)
        if done.returncode != expect:
            shown = " ".join([command, *words])
            raise CommandError(f"{shown}: exit {done.returncode}, not {expect}\n{done.stdout}{done.stderr}")
        return done

    def environment(self) -> dict[str, str]:
        """Return a clean environment: nothing of ours from outside, configuration inside the directory."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith("MCP_AMBASSADOR")}
        return {**plain, "HOME": str(self.directory), "XDG_CONFIG_HOME": str(self.directory / "config")}

    def _launch(self, *words: str) -> "subprocess.Popen[bytes] | preloaded.Process":
        log_file = self.log_file
        if self.is_preloaded:
            return preloaded.Process(
                "ambassador-server", *words, env=os.environ, stdout=log_file, stderr=log_file
            )
        with log_file.open("ab") as log:
            return subprocess.Popen([*self.server, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _await_ready(self, ready_file: Path) -> str:
        deadline = time.monotonic() + PATIENCE
        while not ready_file.exists():
            if self.process is None or self.process.poll() is not None or time.monotonic() > deadline:
                raise CommandError(f"the server did not start:\n{self.log_file.read_text()}")
            time.sleep(0.02)
        return ready_file.read_text()
