"""Finds the attempts of a log that have no outcome, from the bytes of its lines."""

from typing import Final, Generic, TypeVar

Place = TypeVar("Place")

_ACTION = b'{"event":{"action":"'
_KINDS: Final = {
    **{
        b"call:" + kind + step: b"call"
        for kind in (b"tool", b"resource", b"prompt")
        for step in (b":attempt", b":outcome", b":deny")
    },
    b"admin:mcp:test": b"test",
    b"admin:audit:prune": b"prune",
}
"""What an action is the attempt or the outcome of; other actions have no attempts."""
_REQUEST = b'"request_id":'
_BEGINS = tuple(
    b'"outcome":"permitted","reason":' + reason + b"," for reason in (b"null", b'"definition_pending"')
)
_END = b',"prev":"'


class OpenAttempts(Generic[Place]):
    """The attempts without an outcome among the lines so far; each has the place that its line was given.

    The members of an event are sorted, so its line ends with the id of the request, the resource, the session and the
    address. An attempt and its outcome have these in common, and no other attempt has them.
    """

    def __init__(self) -> None:
        self._open: dict[bytes, list[Place]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    def places(self) -> list[Place]:
        """Return the places of the attempts, in the order of their lines."""
        return [place for places in self._open.values() for place in places]

    def take(self, line: bytes, place: Place) -> None:
        """Take in the next line, without its newline."""
        if not line.startswith(_ACTION):
            return
        kind = _KINDS.get(line[len(_ACTION) : line.find(b'"', len(_ACTION))])
        if kind is None:
            return
        request = line.rfind(_REQUEST)
        key = kind + line[request : line.rfind(_END)]
        if line.endswith(_BEGINS, 0, request):
            self._open.setdefault(key, []).append(place)
        elif key in self._open:
            places = self._open[key]
            places.pop()
            if not places:
                del self._open[key]
