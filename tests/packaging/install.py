"""Builds wheels from a copy of the sources, and installs them with pipx in separate directories."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from ambassador_protocol import __version__

ROOT = Path(__file__).parents[2]
DISTRIBUTION = "mcp-ambassador"
PROGRAMS = ("ambassador-client", "ambassador-admin", "ambassador-server")
NEXT_VERSION = f"{__version__}.post1"

_SOURCES = ("ambassador_*", "completions", "man", "pyproject.toml", "README.md", "LICENSE")
_INSTALL_SECONDS = 120
_COMMAND_SECONDS = 60


def copy_sources(sources: Path) -> Path:
    """Copy what the distribution is built from into a new directory."""
    sources.mkdir(parents=True)
    for found in (path for pattern in _SOURCES for path in ROOT.glob(pattern)):
        if found.is_dir():
            shutil.copytree(found, sources / found.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(found, sources)
    return sources


def build_wheel(directory: Path, version: str = __version__) -> Path:
    """Build the wheel for publication; only the version may differ from the sources."""
    sources = copy_sources(directory / "sources")
    module = sources / "ambassador_protocol" / "__init__.py"
    text, changes = re.subn(r'(?m)^__version__ = ".+"$', f'__version__ = "{version}"', module.read_text())
    assert changes == 1
    module.write_text(text)
    # With the build backend that is installed here, not with the newest of today.
    words = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(directory), str(sources))
    _run(sys.executable, "-m", "pip", *words)
    (wheel,) = directory.glob("*.whl")
    return wheel


@dataclass(frozen=True, slots=True)
class Pipx:
    """A pipx whose environments, commands, manuals and completions are below one directory.

    It uses the configuration and the cache that pip has on this machine, and of every library the version that is
    installed here; the commands it installs get a home of their own and nothing else.
    """

    directory: Path

    @property
    def bin(self) -> Path:
        return self.directory / "bin"

    @property
    def home(self) -> Path:
        return self.directory / "person"

    @property
    def environment(self) -> Path:
        """Return where the distribution is installed."""
        return self.directory / "pipx" / "venvs" / DISTRIBUTION

    @property
    def site(self) -> Path:
        """Return the directory of the modules; pip itself is elsewhere, for pipx shares one among environments."""
        (found,) = self.environment.glob("lib/python*/site-packages")
        return found

    def pipx(self, *words: str, cwd: Path | None = None) -> str:
        """Run pipx."""
        own = {
            "PIPX_HOME": "pipx",
            "PIPX_BIN_DIR": "bin",
            "PIPX_MAN_DIR": "share/man",
            "PIPX_COMPLETION_DIR": "share",
        }
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PIPX_", "PYTHON", "MCP_AMBASSADOR"))
        }
        places = {name: str(self.directory / place) for name, place in own.items()}
        chosen = {
            "PIPX_DEFAULT_BACKEND": "pip",
            "PIPX_DISABLE_SHARED_LIBS_AUTO_UPGRADE": "1",
            "PIP_CONSTRAINT": str(self._constraints()),
        }
        return _run(sys.executable, "-m", "pipx", *words, env=inherited | places | chosen, cwd=cwd)

    def _constraints(self) -> Path:
        file = self.directory / "constraints.txt"
        installed = {each.name: each.version for each in distributions() if each.name != DISTRIBUTION}
        file.write_text("".join(f"{name}=={version}\n" for name, version in installed.items()))
        return file

    def person(self, **more: str) -> dict[str, str]:
        """Return the environment of a user of the commands."""
        return {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self.home), "LANG": "C.UTF-8", **more}

    def run(
        self, program: str, *words: str, expect: int = 0, stdin: str = "", **more: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run one of the commands that were installed."""
        self.home.mkdir(exist_ok=True)
        done = subprocess.run(
            [self.bin / program, *words],
            env=self.person(**more),
            cwd=self.home,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        assert done.returncode == expect, f"{program} {words}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def json(self, program: str, *words: str, expect: int = 0) -> Any:
        """Run one of the commands and return what it printed."""
        return json.loads(self.run(program, *words, "-o", "json", expect=expect).stdout)

    def python(self, code: str, *words: str) -> str:
        """Run code in the environment of the commands and return what it printed."""
        return _run(
            str(self.environment / "bin" / "python"), "-I", "-c", code, *words, env=self.person(), cwd="/"
        )


def command_lines() -> list[str]:
    """Return the command line of every process there is; `ps` is no part of every Linux."""
    if sys.platform != "linux":
        return _run("ps", "axww", "-o", "args=").splitlines()
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            found.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found


def _run(*command: str, env: Mapping[str, str] | None = None, cwd: str | Path | None = None) -> str:
    done = subprocess.run(
        command, env=env, cwd=cwd, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout
