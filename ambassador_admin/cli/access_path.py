"""Draws the path of an explained decision: user, key, group, grant, MCP and tool, up to where it ends."""

from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len

from ambassador_admin.output import Output
from ambassador_admin.output.text import printable
from ambassador_admin.output.view import Item


def draw_path(output: Output, explained: Item) -> None:
    """Draw the path in one line, or a line for each step where that is too long for the terminal."""
    steps = [_step(step) for step in explained.get("path") or ()]
    if not steps:
        return
    glyphs = output.glyphs
    end = f"{glyphs.yes} permitted" if explained["allowed"] else f"{glyphs.no} {explained['reason']}"
    line = f" {glyphs.arrow} ".join(steps)
    width = output.width
    if width is not None and cell_len(f"{line}  {end}") > width:
        line = _below_each_other(steps, glyphs.arrow)
    shown = output.good(end) if explained["allowed"] else output.bad(end)
    output.write(f"{line}  {shown}")


def _step(step: dict[str, Any]) -> str:
    name = step.get("name")
    return printable(f"no {step['kind']}" if name is None else f"{step['kind']} {name}")


def _below_each_other(steps: Sequence[str], arrow: str) -> str:
    first, *others = steps
    return "\n".join([first, *(f"{'  ' * depth}{arrow} {step}" for depth, step in enumerate(others))])
