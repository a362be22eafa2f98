"""Settings of the server about the programs that it starts."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ambassador_protocol.references import FILE

_FILE = f"{FILE}://"


class HiddenFiles:
    """Files and directories that no program may reach: the server's own, and the secret files of every entry.

    A file that is added later is hidden from the programs that start after that.
    """

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._paths = dict.fromkeys(paths)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the paths in the order in which they were added."""
        return iter(tuple(self._paths))

    def add_referenced(self, value: Any) -> None:
        """Hide every file that a value, or what it holds, refers to by `file://`."""
        self._paths.update(dict.fromkeys(referenced_files(value)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramSettings:
    """Which programs may be started, what is hidden from them, and how they are recognised later.

    `server_id` marks the processes of this data directory; None leaves them unmarked. `allowed_commands` None allows
    any. `user` is who runs programs in the sandbox `user`. `unsandboxed` says when programs may run without a sandbox:
    where none is available, also wherever an entry chooses so, or never.
    """

    allowed_commands: tuple[str, ...] | None = None
    hidden: HiddenFiles = field(default_factory=HiddenFiles)
    server_id: str | None = None
    user: str = "nobody"
    unsandboxed: Literal["fallback", "allowed", "refused"] = "fallback"


def referenced_files(value: Any) -> Iterator[str]:
    """Yield the path of every `file://` reference in a value and in what it holds."""
    if isinstance(value, str):
        if value.startswith(_FILE):
            yield value.removeprefix(_FILE)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from referenced_files(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from referenced_files(part)
