"""Sandbox `landlock`: the kernel denies files, other processes and TCP ports to a process that asked for it."""

import sys
import tempfile
from dataclasses import asdict
from functools import cache

from ambassador_server.downstream.programs.kernel import CONNECT_ABI, SCOPE_ABI, TRUNCATE_ABI, landlock_abi
from ambassador_server.downstream.programs.plan import Launch, SandboxOptions, Wrapped
from ambassador_server.downstream.programs.profile import (
    UV_CACHE,
    code_is_linked,
    hides,
    places_of,
    temporary_directory,
)
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.downstream.programs.socket_filter import is_possible
from ambassador_server.downstream.sandboxes import UnavailableError


def offer(settings: ProgramSettings) -> str:
    """Return what the sandbox holds back with this kernel."""
    version = _version()
    missing = [
        what
        for since, what in (
            (TRUNCATE_ABI, "truncating files"),
            (CONNECT_ABI, "TCP connections"),
            (SCOPE_ABI, "signals to other processes"),
        )
        if version < since
    ]
    return f"ABI {version}" + (f", which does not hold back {', '.join(missing)}" if missing else "")


def shortcoming(options: SandboxOptions) -> str | None:
    """Return what of the options this kernel cannot enforce."""
    if options.ports is not None and _version() < CONNECT_ABI:
        return f"it cannot restrict connections before ABI {CONNECT_ABI}"
    if options.ports is not None and not is_possible():
        return "sockets cannot be denied on this machine"
    return None


def wrap(launch: Launch) -> Wrapped:
    """Return the program with the rules that the launcher applies."""
    places, env = places_of(launch), dict(launch.env)
    temporary, ports = None, launch.sandbox.ports
    directory = env.get("TMPDIR") or tempfile.gettempdir()
    if launch.sandbox.is_strict or hides((*launch.settings.hidden, *places.hidden), directory):
        # Nothing can be created in a directory that holds something hidden.
        temporary = env["TMPDIR"] = temporary_directory(launch.settings)
    if code_is_linked() and "HOME" in env:
        env.setdefault("UV_CACHE_DIR", f"{env['HOME']}/{UV_CACHE}-of-mcps")
    return Wrapped(
        program=launch.program,
        args=launch.args,
        env=env,
        landlock=True,
        own=tuple(launch.settings.hidden),
        places={
            **asdict(places),
            "ports": ports,
            "denies_sockets": ports is not None,
            "temporary": temporary,
        },
    )


def _version() -> int:
    found, why = _probe()
    if found is None:
        raise UnavailableError(why)
    return found


@cache
def _probe() -> tuple[int | None, str]:
    """Return the version, or None and why there is none."""
    if sys.platform != "linux":
        return None, "it needs Linux"
    try:
        return landlock_abi(), ""
    except OSError as error:
        return None, f"this kernel does not offer it ({error.strerror})"
