"""The anchors of audit logs in memory."""

from collections.abc import Callable

from ambassador_server.domain.audit.anchors import Anchor
from ambassador_server.storage.value_checks import check_item, check_key


class InMemoryAnchors:
    """The anchors of one unit of work."""

    def __init__(
        self, *, reading: Callable[[], dict[str, Anchor]], writing: Callable[[], dict[str, Anchor]]
    ) -> None:
        self._reading = reading
        self._writing = writing

    async def all(self) -> list[Anchor]:
        return sorted(self._reading().values(), key=lambda anchor: anchor.writer)

    async def put(self, anchor: Anchor) -> None:
        check_item(anchor)
        self._writing()[anchor.writer] = anchor

    async def remove(self, writer: str) -> None:
        check_key(writer, "The writer")
        self._writing().pop(writer, None)
