"""Restricts its own process as a plan says, then becomes the program; the server starts it instead of the program.

Standard library only, and few modules of it, because it delays each start.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from stat import S_ISDIR
from typing import Any, NoReturn

from ambassador_server.downstream.programs import kernel, places
from ambassador_server.downstream.programs.socket_filter import UNIX, deny_sockets

_CANNOT_START = 126
_LIMITS = {
    "memory_bytes": resource.RLIMIT_DATA,
    "processes": resource.RLIMIT_NPROC,
    "open_files": resource.RLIMIT_NOFILE,
    "cpu_seconds": resource.RLIMIT_CPU,
}
_OPEN_FILES = 1024
_READ = kernel.READ_FILE | kernel.READ_DIR | kernel.EXECUTE
# Without device files: a new one for a disk would lead around every rule for its files.
_WRITE = ~(kernel.MAKE_CHAR | kernel.MAKE_BLOCK)


def main() -> NoReturn:
    """Read the plan and the command from the command line: how many words the plan has, these, and the command."""
    start = 2 + int(sys.argv[1])
    program, *args = sys.argv[start:]
    try:
        restrict(json.loads("".join(sys.argv[2:start])))
        os.execv(program, [program, *args])  # noqa: S606 # the purpose of this file
    except OSError as error:
        _refuse(f"command '{program}' cannot be started: {error.strerror}")


def restrict(plan: dict[str, Any]) -> None:
    """Apply every part of the plan to this process."""
    _end_with(plan["parent"])
    _limit(plan["limits"])
    if plan["user"] is not None:
        _become(plan["user"], plan["own"])
        _end_with(plan["parent"])
    kernel.forbid_new_privileges()
    if plan["landlock"]:
        _landlock(plan)
        if plan["denies_sockets"]:
            # Without any port there is nothing to connect to; with some, names are looked up over UDP.
            deny_sockets([UNIX] if plan["ports"] else None)


def _end_with(parent: int) -> None:
    kernel.end_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        # It ended before the kernel was told, so no signal will come.
        os.kill(os.getpid(), signal.SIGKILL)


def _limit(limits: dict[str, int]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The server raises its own; a program that uses select() cannot have more, and any other can raise it itself.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    soft = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for name, value in limits.items():
        kind = _LIMITS[name]
        hard = resource.getrlimit(kind)[1]
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (limit, limit))


def _become(user: dict[str, Any], own: Sequence[str]) -> None:
    """Switch to another user, and refuse to go on if that user can still reach what belongs to the server."""
    os.makedirs(user["home"], mode=0o700, exist_ok=True)
    found = os.lstat(user["home"])
    if user["makes_home"] and found.st_uid == os.getuid():
        os.chown(user["home"], user["uid"], user["gid"], follow_symlinks=False)
    os.setgroups([])
    os.setresgid(user["gid"], user["gid"], user["gid"])
    os.setresuid(user["uid"], user["uid"], user["uid"])
    for path in own:
        if any(os.access(path, right) for right in (os.R_OK, os.W_OK)):
            _refuse(f"user '{user['name']}' can reach {path}; take its permissions from others first")


def _landlock(plan: dict[str, Any]) -> None:
    if os.geteuid() == 0:
        kernel.drop_capabilities()
    for directory in plan["made"]:
        with suppress(OSError):
            os.makedirs(directory, mode=0o700, exist_ok=True)
    own = [os.path.realpath(path) for path in plan["own"]]
    own += [alias for path in own for alias in places.aliases(path)]
    wanted = [(path, places.HIDDEN) for path in plan["hidden"]]
    wanted += [(path, places.READABLE) for path in plan["readable"]]
    wanted += [(path, places.WRITABLE) for path in plan["writable"]]
    wanted += [(path, places.WRITABLE) for home in plan["homes"] for path in places.own_entries(home)]
    if plan["temporary"] is not None:
        wanted.append((_own_directory(plan["temporary"]), places.WRITABLE))
    ports = plan["ports"]
    rules = kernel.Ruleset(kernel.landlock_abi(), guards_connections=ports is not None)
    for path, mode, is_directory in places.expand(places.strictest(wanted, own)):
        rules.allow(path, _READ if mode == places.READABLE else _WRITE, is_directory=is_directory)
    for path in plan["listed"]:
        rules.allow(path, kernel.READ_DIR, is_directory=True)
    rules.allow_ports(ports or ())
    rules.restrict()


def _own_directory(path: str) -> str:
    """Create a directory in a place where others may write, too, and make sure that it is not theirs."""
    with suppress(FileExistsError):
        os.mkdir(path, mode=0o700)
    found = os.lstat(path)
    if not S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        _refuse(f"{path} is not a directory of this user")
    return path


def _refuse(why: str) -> NoReturn:
    sys.stderr.write(f"{why}\n")
    sys.stderr.flush()
    os._exit(_CANNOT_START)
