"""Says which kill switches stop the user, with the message of the administrator."""

from collections.abc import Mapping
from typing import Any

from ambassador_client.errors import one_line

_STOPPED: Mapping[str, str] = {
    "mcp": "MCP {target} is",
    "tool": "{target} is",
    "tool_class": "the tools of the class {target} are",
}


def stop_texts(me: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each kill switch in the answer to GET /v1/me; an older server names none."""
    stops = me.get("stops")
    return [_text(each) for each in stops if isinstance(each, dict)] if isinstance(stops, list) else []


def _text(stop: Mapping[str, Any]) -> str:
    stopped = _STOPPED.get(str(stop.get("scope")), "you are").format(target=stop.get("target"))
    return one_line(f"{stopped} stopped by an administrator: {stop.get('message')}")
