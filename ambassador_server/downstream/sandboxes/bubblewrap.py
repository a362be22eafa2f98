"""Sandbox `bubblewrap`: the program gets its own mounts, processes and IPC by the command `bwrap`, if installed."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from ambassador_server.downstream.programs.places import (
    HIDDEN,
    READABLE,
    WRITABLE,
    aliases,
    own_entries,
    strictest,
)
from ambassador_server.downstream.programs.plan import Launch, SandboxOptions, Wrapped
from ambassador_server.downstream.programs.profile import DEVICES, SYSTEM, Places, places_of
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.downstream.sandboxes import UnavailableError

_PROBE_SECONDS = 10
_NAMESPACES = ("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts")
_BASE = (*_NAMESPACES, "--die-with-parent", "--cap-drop", "ALL", "--dev", "/dev", "--proc", "/proc")
_KERNEL_SETTINGS = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs")
_STRICT_ROOT = ("--tmpfs", "/", "--tmpfs", "/tmp")  # noqa: S108 # the program's own
_BIND = {READABLE: "--ro-bind-try", WRITABLE: "--bind-try"}


def offer(settings: ProgramSettings) -> str:
    """Return what the sandbox holds back."""
    why = _probe()
    if why:
        raise UnavailableError(why)
    return "own mounts, processes and IPC"


def shortcoming(options: SandboxOptions) -> str | None:
    """Return what of the options it cannot enforce."""
    return "it can forbid all connections, but not some ports" if options.ports else None


def wrap(launch: Launch) -> Wrapped:
    """Return the command line of `bwrap` that runs the program."""
    places = places_of(launch)
    network = ("--unshare-net",) if launch.sandbox.ports == () else ()
    is_strict = launch.sandbox.is_strict
    # The directory of this server need not exist among what is named.
    directory = launch.cwd or ("/" if is_strict else os.getcwd())
    return Wrapped(
        program=_program() or "bwrap",
        args=[
            *(_STRICT_ROOT if is_strict else ("--ro-bind", "/", "/")),
            *_BASE,
            *network,
            *(_links() if is_strict else ()),
            *_mounts(places, launch.settings.hidden),
            *("--chdir", directory, "--", launch.program, *launch.args),
        ],
        env=launch.env,
    )


def _mounts(places: Places, server: Iterable[str]) -> Iterator[str]:
    """Yield the mounts, those of outer directories first, so that the nearest place decides."""
    own = [path for home in places.homes for path in own_entries(home)]
    modes = strictest(
        [
            *((path, HIDDEN) for path in places.hidden),
            *((path, READABLE) for path in places.readable),
            *((path, WRITABLE) for path in (*places.writable, *own)),
        ],
        [*server, *(alias for path in server for alias in aliases(os.path.realpath(path)))],
    )
    covers = []
    for path, mode in sorted({**_pinned(modes), **modes}.items()):
        is_its_own = path in {"/", "/dev", "/proc"} or path.removeprefix("/dev/") in DEVICES
        if is_its_own or (path in modes and mode == modes.get(_nearest(path, modes))):
            continue
        if mode != HIDDEN:
            yield from (_BIND[mode], path, path)
        elif os.path.isdir(path):
            covers.append(path)
            yield from ("--tmpfs", path)
        elif os.path.exists(path):
            yield from ("--ro-bind", "/dev/null", path)
    # At last, because places below need a directory to be mounted on.
    for path in covers:
        yield from ("--remount-ro", path)
    # Root still owns these files.
    for path in _KERNEL_SETTINGS:
        yield from ("--ro-bind-try", path, path)


def _pinned(modes: Mapping[str, int]) -> dict[str, int]:
    """Return the directories on the way to a place that is stricter than its surroundings, with their modes.

    A mount point cannot be renamed. Otherwise such a directory could be moved away and another one put in its place,
    which this server would use at its next start.
    """
    found = {}
    for path, mode in modes.items():
        nearest = _nearest(path, modes)
        if mode < modes.get(nearest, HIDDEN):
            above = os.path.dirname(path)
            while above != nearest:
                found[above] = modes[nearest]
                above = os.path.dirname(above)
    return found


def _nearest(path: str, modes: Mapping[str, int]) -> str:
    """Return the place that the path lies in."""
    above = os.path.dirname(path)
    while above not in modes and above != "/":
        above = os.path.dirname(above)
    return above


def _links() -> Iterator[str]:
    """Yield the links among the system's directories, such as /bin to /usr/bin."""
    for path in SYSTEM:
        if os.path.islink(path):
            yield from ("--symlink", os.readlink(path), path)


def _program() -> str | None:
    return shutil.which("bwrap")


@cache
def _probe() -> str:
    """Return why it cannot be used, or an empty text."""
    program = _program()
    if program is None:
        return "the command 'bwrap' is not installed"
    try:
        tried = subprocess.run(  # noqa: S603 # fixed words only
            [program, "--ro-bind", "/", "/", *_BASE, "--", "/bin/true"],
            capture_output=True,
            check=False,
            timeout=_PROBE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"'bwrap' does not run: {error}"
    return tried.stderr.decode(errors="replace").strip()[:200] if tried.returncode else ""
