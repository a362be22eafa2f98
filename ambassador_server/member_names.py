"""Refuses JSON objects in which two readers may take different members for one that matters.

Some programs read names without regard to case, underscores or what follows a zero byte, some take the first of two
members of a name and some the last. What is decided here must be what each of them reads.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Raw

from ambassador_server.domain.catalog.transforms import compared_name

_LONGEST_SHOWN: Final = 50


class _Name:
    """The name of one member, which is equal to no other, so that members that are given twice are all decoded."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


_written_decoder = msgspec.json.Decoder(dict[_Name, Raw], dec_hook=lambda _, text: _Name(text))


def written_members(raw: bytes | Raw) -> list[tuple[str, Raw]]:
    """Return the members of an object as they are written, with those that are given twice, not decoded.

    Raises MsgspecError and RecursionError.
    """
    return [(name.text, value) for name, value in _written_decoder.decode(raw).items()]


class MemberNames:
    """The names of members that matter in one kind of object; `usual` are others that need no closer look."""

    def __init__(self, names: Iterable[str], *, usual: Iterable[str] = ()) -> None:
        self._by_reading = {_reading(name): name for name in names}
        self._usual = frozenset((*self._by_reading.values(), *usual))

    def fault(self, members: Mapping[str, Raw], raw: bytes | Raw) -> str | None:
        """Return what is ambiguous in an object, as a clause about it; None if every reader reads the same.

        `members` are those of `raw`, the last of each name.
        """
        # The length of an object without blanks and escapes shows whether a member was lost.
        if members.keys() <= self._usual and 4 * len(members) + 1 + len("".join(members)) + sum(
            map(len, members.values())
        ) == len(raw):
            return None
        return self._closer_look(members, raw)

    def other_spelling(self, members: Iterable[str]) -> str | None:
        """Return which member is another spelling of one of the names, as a clause; None if none is."""
        for name in members:
            meant = None if name in self._usual else self._by_reading.get(_reading(name))
            if meant is not None:
                return f"has {_shown(name)!r}, which some programs read as {meant!r}"
        return None

    def _closer_look(self, members: Mapping[str, Raw], raw: bytes | Raw) -> str | None:
        spelling = self.other_spelling(members)
        if spelling is not None:
            return spelling
        if len(members) < len(written := written_members(raw)):
            [(twice, _)] = Counter(name for name, _ in written).most_common(1)
            return f"has {_shown(twice)!r} more than once"
        return None


def _reading(name: str) -> str:
    """Return the form in which a careless reader compares the name of a member."""
    return compared_name(name).replace("_", "")


def _shown(name: str) -> str:
    return name[:_LONGEST_SHOWN]
