"""Which places the profiles `default` and `strict` let a program read and write."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import ambassador_server
from ambassador_server.downstream.programs.plan import Launch
from ambassador_server.downstream.programs.settings import ProgramSettings

_LIBRARIES = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store")
SYSTEM = (*_LIBRARIES, "/etc", "/run/systemd/resolve", "/run/resolvconf", "/proc", "/sys")
"""What a program needs to run at all: programs, libraries, configuration, and what the kernel shows."""

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
"""Devices without harm; terminals are not among them, because what others type there could be read."""
_SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/srv", "/mnt", "/media")  # noqa: S108 # allowed to others, not used here
# Below a home directory: caches and states. Everything else that is hidden holds keys or runs at the next login.
_CACHES = (".cache", ".npm", ".local/state", ".local/share/uv")
UV_CACHE = ".cache/uv"
# Where the command lines keep keys of administrators and users.
_OWN = (".config/mcp-ambassador", ".cache/mcp-ambassador", ".local/state/mcp-ambassador")
_NOT_HOMES = ("/bin", "/boot", "/dev", "/etc", "/lib", "/proc", "/run", "/sbin", "/sys", "/usr")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Paths by what a program may do with them; the nearest decides, and of two for one path the stricter.

    `homes` are directories whose entries may be written except hidden ones, `made` are created if they are missing, and
    of `listed` only the names may be read.
    """

    hidden: tuple[str, ...]
    readable: tuple[str, ...]
    writable: tuple[str, ...]
    homes: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()


def places_of(launch: Launch) -> Places:
    """Return the places of the profile that the entry chose."""
    options, hidden = launch.sandbox, tuple(_hidden())
    devices = tuple(f"/dev/{name}" for name in DEVICES)
    # So that imports from a working directory work that also holds something hidden.
    listed = tuple(path for path in (launch.cwd,) if path is not None and not hides_path(launch, path))
    if options.is_strict:
        return Places(
            hidden=hidden,
            readable=(*SYSTEM, *options.read),
            writable=(*devices, *options.write),
            listed=tuple(path for path in listed if _lies_in(path, (*options.read, *options.write))),
        )
    homes = tuple(_homes(launch.env))
    caches = tuple(f"{home}/{name}" for home in homes for name in _CACHES)
    return Places(
        hidden=hidden,
        readable=("/", *homes, *_programs(homes), *options.read),
        writable=(*devices, *_SHARED, tempfile.gettempdir(), *caches, *options.write),
        homes=homes,
        made=caches,
        listed=listed,
    )


def temporary_directory(settings: ProgramSettings) -> str:
    """Return the directory for temporary files of programs that may not use the common one; it may not exist."""
    owner = os.getuid() if hasattr(os, "getuid") else 0
    return f"{tempfile.gettempdir()}/mcp-ambassador-{owner}-{settings.server_id or os.getpid()}"


def remove_temporary_directory(settings: ProgramSettings) -> None:
    """Remove it with everything in it, once no program runs any more; a link in its place is left alone."""
    shutil.rmtree(temporary_directory(settings), ignore_errors=True)


def code_is_linked() -> bool:
    """Tell whether files of this server may be the same as those in the cache of uv, which installs by hard links."""
    return os.stat(__file__).st_nlink > 1


def hides(hidden: tuple[str, ...], directory: str) -> bool:
    """Tell whether a directory holds one of the hidden places."""
    return any(_lies_in(os.path.realpath(path), (os.path.realpath(directory),)) for path in hidden)


def hides_path(launch: Launch, path: str) -> bool:
    """Tell whether a path lies in what is hidden because it belongs to the server."""
    return _lies_in(os.path.realpath(path), [os.path.realpath(own) for own in launch.settings.hidden])


def _hidden() -> Iterator[str]:
    """Yield what is hidden besides the server's own files: keys of the command lines, devices, secrets of services."""
    yield from (f"{home}/{name}" for home in _homes(os.environ) for name in _OWN)
    chosen = os.environ.get("XDG_CONFIG_HOME", "")
    if chosen.startswith("/"):
        yield f"{chosen}/mcp-ambassador"
    if hasattr(os, "getuid"):
        yield f"/run/user/{os.getuid()}/mcp-ambassador"
    yield from ("/dev", "/boot", "/run/secrets", "/run/credentials")


def _homes(environment: Mapping[str, str]) -> Iterator[str]:
    home = os.path.realpath(environment.get("HOME") or "/")
    if home != "/" and not _lies_in(home, _NOT_HOMES) and os.path.isdir(home):
        yield home


def _programs(homes: tuple[str, ...]) -> Iterator[str]:
    """Yield what must not be changed though it may lie in a writable place: this server's code, programs in PATH."""
    yield from (sys.prefix, sys.base_prefix, str(Path(ambassador_server.__file__).parents[1]))
    if code_is_linked():
        yield from (f"{home}/{UV_CACHE}" for home in homes)
    for directory in os.environ.get("PATH", "").split(os.pathsep):
        if _lies_in(directory, homes):
            yield directory


def _lies_in(path: str, directories: tuple[str, ...] | list[str]) -> bool:
    return any(path == directory or path.startswith(f"{directory.rstrip('/')}/") for directory in directories)
