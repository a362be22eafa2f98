"""The start of one program: its command, its environment, and the plan by which the launcher restricts it."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

import ambassador_server
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.errors import InvalidInputError

MARK = "AMBASSADOR_STARTED_BY"
"""The variable that tells which server a process, or the one that started it, was started by."""

# Linux takes words of up to 128 KiB.
_LONGEST_WORD = 100_000
_LARGEST_LIMIT = 2**62
_SOURCE = str(Path(ambassador_server.__file__).parents[1])
_RUN = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from ambassador_server.downstream.programs.launcher import main; main()"
)


class SandboxOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The option `sandbox`: which one, and what the program may reach in it.

    `read` and `write` add to the profile `default`; the profile `strict` allows nothing else besides the system's
    directories. `connect` lists TCP ports; without it `default` allows all and `strict` none.
    """

    kind: str | None = None
    profile: Literal["default", "strict"] = "default"
    read: list[str] = []
    write: list[str] = []
    connect: list[int] | Literal["any"] | None = None

    @property
    def is_strict(self) -> bool:
        """Tell whether only what is named may be reached."""
        return self.profile == "strict"

    @property
    def ports(self) -> tuple[int, ...] | None:
        """Return the TCP ports that may be connected to; None for all."""
        if self.connect is None:
            return () if self.is_strict else None
        return None if self.connect == "any" else tuple(int(port) for port in self.connect)

    @property
    def names_limits(self) -> bool:
        """Tell whether the options demand what only some sandboxes can enforce."""
        return self.is_strict or self.ports is not None


class ProgramLimits(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """The option `limits`: resources of each process; `processes` counts all of the user and does not bind root."""

    memory_bytes: int | None = None
    processes: int | None = None
    open_files: int | None = None
    cpu_seconds: int | None = None

    def check(self) -> None:
        """Raise InvalidInputError for a limit below 1."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not None and not 1 <= value <= _LARGEST_LIMIT:
                raise InvalidInputError(f"Option 'limits': {name} must lie between 1 and {_LARGEST_LIMIT}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A program as an entry describes it, before a sandbox is put around it."""

    program: str
    args: Sequence[str]
    env: Mapping[str, str]
    cwd: str | None
    sandbox: SandboxOptions
    settings: ProgramSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapped:
    """A program in its sandbox; the rest of the fields is what the launcher restricts."""

    program: str
    args: Sequence[str]
    env: Mapping[str, str]
    landlock: bool = False
    user: Mapping[str, Any] | None = None
    own: Sequence[str] = ()
    places: Mapping[str, Any] = field(default_factory=dict)

    def argv(self, limits: ProgramLimits) -> list[str]:
        """Return the command line that starts the launcher."""
        plan = {
            "parent": os.getpid(),
            "limits": msgspec.to_builtins(limits),
            "landlock": self.landlock,
            "user": self.user,
            "own": self.own,
            **self.places,
        }
        text = json.dumps(plan)
        parts = [text[start : start + _LONGEST_WORD] for start in range(0, len(text), _LONGEST_WORD)]
        plan_words = [str(len(parts)), *parts]
        return [sys.executable, "-I", "-S", "-c", _RUN, _SOURCE, *plan_words, self.program, *self.args]
