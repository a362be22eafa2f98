"""Shows texts in definitions of tools that may be meant to steer the model that reads them."""

from collections.abc import Iterator

from ambassador_admin.api import mcps
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.output.text import printable
from ambassador_admin.output.view import Item


def finding_lines(tool: str, item: Item) -> Iterator[str]:
    """Yield a line for each finding about a tool, safe for a terminal."""
    for each in item.get("findings", []):
        yield printable(f"{tool} {each['place'] or '/'}: {each['cue']}: {each['excerpt']}")
    if item.get("findings_left_out"):
        yield printable(f"{tool}: {item['findings_left_out']} more findings are not shown")


def warn_of_findings(admin: Invocation, name: str, tools: list[Item] | None = None) -> None:
    """Warn of the findings about tools of an MCP, by default about all that it offers."""
    for item in admin.api.items(mcps.tools(name)) if tools is None else tools:
        for line in finding_lines(str(item["own_name"]), item):
            admin.output.warn(f"{name}: {line}")
