"""Formats audit events as CSV: one column per field; no cell is a formula or has a line end."""

from collections.abc import Sequence

from ambassador_admin.output.formats import csv_lines
from ambassador_admin.output.view import Item, lookup

FIELDS = (
    *("id", "cursor", "at", "action", "outcome", "actor.kind", "actor.id", "actor.name", "actor.key_id"),
    *("actor.key_name", "resource.kind", "resource.id", "resource.name", "reason", "request_id"),
    *("session_id", "source", "details", "writer", "seq", "digest"),
)


class _Csv:
    def header(self) -> Sequence[str]:
        return (csv_lines([FIELDS]),)

    def line(self, event: Item) -> str:
        return csv_lines([[lookup(event, field) for field in FIELDS]])


LAYOUT = _Csv()
