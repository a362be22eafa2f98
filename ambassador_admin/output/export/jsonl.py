"""Formats audit events as JSON lines, unchanged from the admin API."""

from collections.abc import Sequence

from ambassador_admin.output.formats import json_line
from ambassador_admin.output.view import Item


class _JsonLines:
    def header(self) -> Sequence[str]:
        return ()

    def line(self, event: Item) -> str:
        return json_line(event)


LAYOUT = _JsonLines()
