"""Caches completed names for 60 seconds, each list in a file that only its owner can read."""

import hashlib
import json
import os
import stat
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.directories import cache_directory, config_directory

FRESH_SECONDS = 60
_LARGEST = 1 << 20
_ENDING = ".names.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class NameQuery:
    """A query for the names of a kind that begin with `prefix`.

    `server_options` holds the options `server`, `context` and `ca` as they were typed.
    """

    kind: NameKind
    prefix: str
    server_options: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NameList:
    """Pairs of name and description; unless `complete`, the server has more that begin with `prefix`."""

    prefix: str
    complete: bool
    names: list[tuple[str, str]]

    def covers(self, prefix: str) -> bool:
        """Tell whether every name that begins with this prefix is in the list."""
        return prefix == self.prefix or (self.complete and prefix.startswith(self.prefix))


class NameCache:
    """The cache file of one query; another server, key or kind has another file."""

    def __init__(self, query: NameQuery, environ: Mapping[str, str]) -> None:
        self._directory = cache_directory(environ)
        self.path = self._directory / f"{_digest(query, environ)}{_ENDING}"

    def read(self) -> NameList | None:
        """Return the cached list, or None when it is too old or others can access the file.

        Raises OSError, ValueError, KeyError or TypeError when there is no readable list.
        """
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with os.fdopen(os.open(self.path, flags), encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or not 0 <= time.time() - status.st_mtime < FRESH_SECONDS:
                return None
            if sys.platform != "win32" and (status.st_mode & 0o077 or status.st_uid != os.getuid()):
                return None
            content = json.loads(file.read(_LARGEST))
        pairs = [(str(name), str(description)) for name, description in content["names"]]
        return NameList(prefix=content["prefix"], complete=content["complete"] is True, names=pairs)

    def write(self, found: NameList) -> None:
        """Store the list, and delete the lists that are too old."""
        # Not above: a person waits for `read`, which must load as little as possible.
        from ambassador_client.account.atomic_files import write_private_file  # noqa: PLC0415

        content = {"prefix": found.prefix, "complete": found.complete, "names": found.names}
        write_private_file(self.path, json.dumps(content))
        for other in self._directory.glob(f"*{_ENDING}"):
            if time.time() - other.stat().st_mtime >= FRESH_SECONDS:
                other.unlink(missing_ok=True)


def _digest(query: NameQuery, environ: Mapping[str, str]) -> str:
    """Return a digest of everything that decides which server is asked, with which key and for what."""
    variables = sorted((name, value) for name, value in environ.items() if name.startswith("MCP_AMBASSADOR_"))
    text = json.dumps([query.kind, sorted(query.server_options.items()), variables, _version(environ)])
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:32]


def _version(environ: Mapping[str, str]) -> list[int]:
    """Return what changes when the file of contexts changes, which also names the current context."""
    try:
        status = Path(config_directory(environ), "contexts.json").stat()
    except OSError:
        return []
    return [status.st_mtime_ns, status.st_size, status.st_ino]
