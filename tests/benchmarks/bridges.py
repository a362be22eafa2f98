"""Our client and the other bridges, each started as its documentation says, without a log.

The others are installed once, at pinned versions, below `.venv/share`; nothing of ours sees their packages.
"""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.benchmarks.hosting import Bridge
from tests.benchmarks.processes import BenchError
from tests.node import node, packages
from tests.python_homes import home
from tests.rig import BIN

_PROXY, _REMOTE = ("mcp-proxy", "0.13.0"), ("mcp-remote", "0.15.1")
_KEY = "amb_pk_" + "k" * 48  # the server of the comparison accepts every key

Environment = Mapping[str, str]


def ours(url: str, environment: Environment) -> Bridge:
    """Return the installed command, as hosts start it."""
    own = {"MCP_AMBASSADOR_URL": url, "MCP_AMBASSADOR_PRESHARED_KEY": _KEY}
    return Bridge("ours", (str(BIN / "ambassador-client"), "proxy"), {**environment, **own})


def others(url: str, environment: Environment) -> list[Bridge]:
    """Return the other bridges that are installed or can be; standard error names the rest."""
    makers: list[Callable[[str, Environment], Bridge]] = [_mcp_proxy, _mcp_remote]
    found = []
    for make in makers:
        try:
            found.append(make(url, environment))
        except BenchError as error:
            print(f"Left out: {error}", file=sys.stderr)
    return found


def _mcp_proxy(url: str, environment: Environment) -> Bridge:
    try:
        command = str(home("==".join(_PROXY)) / "bin" / "mcp-proxy")
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        raise BenchError(f"{' '.join(_PROXY)}: {error}") from error
    flags = ("--transport", "streamablehttp", "--log-level", "ERROR")
    return Bridge(" ".join(_PROXY), (command, *flags, f"{url}/mcp"), environment)


def _mcp_remote(url: str, environment: Environment) -> Bridge:
    try:
        executable, folder = node(), packages("@".join(_REMOTE))
    except (
        pytest.skip.Exception,
        pytest.fail.Exception,
        AssertionError,
        subprocess.SubprocessError,
    ) as error:
        raise BenchError(f"{' '.join(_REMOTE)}: {error}") from error
    script = folder / "node_modules" / _REMOTE[0] / "dist" / "proxy.js"
    flags = ("--transport", "http-only", "--allow-http", "--silent")
    # Without a warm cache Node compiles two megabytes of JavaScript at every start.
    cache = {"NODE_COMPILE_CACHE": str(Path(environment["HOME"]) / "node-cache")}
    command = (str(executable), str(script), f"{url}/mcp", *flags)
    return Bridge(" ".join(_REMOTE), command, {**environment, **cache})
