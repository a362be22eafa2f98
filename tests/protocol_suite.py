"""The protocol's public conformance suite, at a locked version."""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.node import node, packages

SUITE = "@modelcontextprotocol/conformance@0.2.0-alpha.11"
ROOT = Path(__file__).parents[1]
_LISTED = re.compile(r"^ +- (\S+)(?: \[(client|server)\])?$", re.MULTILINE)
_SERVERS, _CLIENTS = "Server scenarios", "Client scenarios"


def command(*preloaded: Path) -> list[str]:
    """Return the suite's command line; Node runs these scripts before it."""
    program = packages(SUITE) / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
    scripts = [word for script in preloaded for word in ("--require", str(script))]
    return [str(node()), "--no-deprecation", *scripts, str(program)]


def run(
    suite: Sequence[str], directory: Path, *words: str, timeout: float, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run the suite in a directory and return what it printed."""
    return subprocess.run(
        [*suite, *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


def required_of_servers(listed: str) -> list[str]:
    """Return the scenarios that a revision requires of a server, from what `list --requirements` printed."""
    text = listed.partition(_SERVERS)[2].partition(_CLIENTS)[0]
    return [name for name, _ in _LISTED.findall(text)]


def of_clients(listed: str) -> list[str]:
    """Return the scenarios for clients, those that are not scored too, from what `list --requirements` printed."""
    return [name for name, side in _LISTED.findall(listed.partition(_CLIENTS)[2]) if side != "server"]
