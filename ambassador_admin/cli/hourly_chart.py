"""Draws the events of each hour, and how many of them were denied, as two lines of columns."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ambassador_admin.errors import BadAnswerError
from ambassador_admin.output import Output
from ambassador_admin.output.charts import sparkline
from ambassador_admin.output.view import Item

MAX_HOURS: Final = 48
_HOUR: Final = timedelta(hours=1)
_BESIDE: Final = 30
"""How many characters of a line are left for words."""


def hours_of(found: Mapping[str, Any], last: int) -> list[dict[str, Any]]:
    """Return the last hours of an answer that counts by hour, with those in between that have no event."""
    try:
        known = {datetime.fromisoformat(each["value"]).astimezone(UTC): each for each in found["values"]}
    except (KeyError, TypeError, ValueError):
        raise BadAnswerError("The server counts by hour, but names no hours.") from None
    if not known:
        return []
    end = max(known)
    wanted = [end - _HOUR * back for back in range(last)]
    shown = [at for at in reversed(wanted) if at >= min(known)]
    nothing = {"count": 0, "denied": 0}
    return [{"hour": at.strftime("%Y-%m-%d %H:%MZ"), **_counts(known.get(at, nothing))} for at in shown]


def _counts(hour: Item) -> dict[str, int]:
    return {"count": int(hour["count"]), "denied": int(hour["denied"] or 0)}


def draw_hours(output: Output, found: Mapping[str, Any], title: str) -> None:
    """Draw the hours of an answer below the last output, if the output is a terminal that is wide enough."""
    width = output.chart_width
    hours = [] if width is None else hours_of(found, min(MAX_HOURS, width - _BESIDE))
    if not hours:
        return
    most = max(hour["count"] for hour in hours)
    denied = sum(hour["denied"] for hour in hours)
    size = max(len(title), len("DENIED"))
    columns = [sparkline([hour[name] for hour in hours], most, output.glyphs) for name in ("count", "denied")]
    output.write("")
    output.write(f"{output.bold(title.ljust(size))}  {columns[0]}  at most {most} an hour")
    output.write(f"{output.bold('DENIED'.ljust(size))}  {output.bad(columns[1])}  {denied} in all")
    output.write(f"{' ' * size}  {hours[0]['hour']} to {hours[-1]['hour']}")
