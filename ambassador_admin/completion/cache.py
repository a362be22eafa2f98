"""The names a server gave a moment ago, each answer in a file that only its owner can read."""

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
    """Which names are asked for; `options` holds the options `server`, `context` and `ca` as they were typed."""

    kind: NameKind
    prefix: str
    server_options: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NameList:
    """Names with their descriptions; unless `complete`, there are more that begin with `prefix`."""

    prefix: str
    complete: bool
    names: list[tuple[str, str]]

    def covers(self, prefix: str) -> bool:
        """Tell whether every name that is to be offered for this prefix is among them."""
        return prefix == self.prefix or (self.complete and prefix.startswith(self.prefix))


class NameCache:
    """One file per kind and per way to a server: whoever would be asked with another key has another file."""

    def __init__(self, query: NameQuery, environ: Mapping[str, str]) -> None:
        self._directory = cache_directory(environ)
        self.path = self._directory / f"{_digest(query, environ)}{_ENDING}"

    def read(self) -> NameList | None:
        """Return the answer while it is fresh; raises OSError or ValueError when there is none to be trusted."""
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with os.fdopen(os.open(self.path, flags), encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or not 0 <= time.time() - status.st_mtime < FRESH_SECONDS:
                return None
            if sys.platform != "win32" and (status.st_mode & 0o077 or status.st_uid != os.getuid()):
                return None
            found = json.loads(file.read(_LARGEST))
        names = [(str(name), str(description)) for name, description in found["names"]]
        return NameList(prefix=found["prefix"], complete=found["complete"] is True, names=names)

    def write(self, answer: NameList) -> None:
        """Keep the answer, and forget those that are stale."""
        # Not above: reading, which a person waits for, must load as little as it can.
        from ambassador_client.account.atomic_files import write_private_file  # noqa: PLC0415

        content = {"prefix": answer.prefix, "complete": answer.complete, "names": answer.names}
        write_private_file(self.path, json.dumps(content))
        for other in self._directory.glob(f"*{_ENDING}"):
            if time.time() - other.stat().st_mtime >= FRESH_SECONDS:
                other.unlink(missing_ok=True)


def _digest(query: NameQuery, environ: Mapping[str, str]) -> str:
    """Name everything that decides which server is asked, as whom, and for what."""
    variables = sorted((name, value) for name, value in environ.items() if name.startswith("MCP_AMBASSADOR_"))
    text = json.dumps([query.kind, sorted(query.server_options.items()), variables, _version(environ)])
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:32]


def _version(environ: Mapping[str, str]) -> list[int]:
    """Tell one state of the contexts from the next: which is current is written there."""
    try:
        status = Path(config_directory(environ), "contexts.json").stat()
    except OSError:
        return []
    return [status.st_mtime_ns, status.st_size, status.st_ino]
