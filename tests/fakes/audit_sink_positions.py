"""The positions of audit sinks in memory."""

from collections.abc import Callable, Mapping

from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.storage.value_checks import check_item, check_key

_Positions = dict[tuple[str, str, str], LogPosition]


class InMemorySinkPositions:
    """The positions of one unit of work."""

    def __init__(self, *, reading: Callable[[], _Positions], writing: Callable[[], _Positions]) -> None:
        self._reading = reading
        self._writing = writing

    async def of(self, node: str, sink: str) -> dict[str, LogPosition]:
        check_key(node, "The node")
        check_key(sink, "The sink")
        return {
            writer: position
            for (one_node, one_sink, writer), position in self._reading().items()
            if (one_node, one_sink) == (node, sink)
        }

    async def put(self, node: str, sink: str, positions: Mapping[str, LogPosition]) -> None:
        check_key(node, "The node")
        check_key(sink, "The sink")
        for writer, position in positions.items():
            check_key(writer, "The writer")
            check_item(position)
            self._writing()[node, sink, writer] = position
