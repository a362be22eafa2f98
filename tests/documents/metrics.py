"""The table of docs/metrics.md, made from the metrics of a server."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

from ambassador_server.services.monitoring.families import Family, FamilyKind
from ambassador_server.web.admin.metrics import families_of_listeners
from ambassador_server.web.listener_bounds import no_connections
from tests.server.services.monitoring.metrics_world import Measured

PAGE = "docs/metrics.md"
_TABLE = re.compile(r"(<!-- metrics -->\n).*?(<!-- end -->)", re.DOTALL)
_KINDS = {FamilyKind.COUNT: "counter, as `untyped`"}


def page(root: Path) -> str:
    """Return the page with its table as it should be; the rest of it is written by hand."""
    text = (root / PAGE).read_text(encoding="utf-8")
    rows = "".join(f"| {' | '.join(row)} |\n" for row in _rows())
    table = f"| metric | type | labels | meaning |\n|---|---|---|---|\n{rows}"
    return _TABLE.sub(lambda found: f"{found[1]}{table}{found[2]}", text)


def served_name(family: Family) -> str:
    """Return the name under which a family is served."""
    return f"{family.name}_total" if family.kind is FamilyKind.COUNTER else family.name


def every_family() -> list[Family]:
    """Return every family that a server has."""
    return [*asyncio.run(_families()), *families_of_listeners(no_connections())]


async def _families() -> list[Family]:
    return await (await Measured.build()).metrics.families()


def _rows() -> Iterator[tuple[str, ...]]:
    for family in every_family():
        labels = ", ".join(f"`{label}`" for label in family.labels)
        yield f"`{served_name(family)}`", _KINDS.get(family.kind, family.kind.value), labels, family.help
