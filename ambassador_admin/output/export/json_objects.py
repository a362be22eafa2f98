"""The layout of formats that have one JSON object per event."""

from collections.abc import Callable, Sequence
from typing import Any

from ambassador_admin.output.formats import json_line
from ambassador_admin.output.view import Item


class JsonObjects:
    """Implements `Layout`: each line is the event as `convert` returns it."""

    def __init__(self, convert: Callable[[Item], Any]) -> None:
        self._convert = convert

    def header(self) -> Sequence[str]:
        """Return nothing; the first line is an event."""
        return ()

    def line(self, event: Item) -> str:
        """Return an event as one line of JSON."""
        return json_line(self._convert(event))
