"""The impact of a kill switch on the fake server."""

from tests.admin.fake_state import FakeState, Item


def impact_of(state: FakeState, switch: Item) -> Item:
    """Return the impact of a switch, as if every user could call every published tool."""
    users = sorted(
        name
        for name, user in state.users.items()
        if user["status"] == "active"
        and (switch["scope"] not in ("user", "group") or switch["target"] in (name, *user["groups"]))
    )
    tools = sorted(
        tool["name"]
        for mcp, offered in state.tools.items()
        for tool in offered
        if switch["scope"] not in ("mcp", "tool", "tool_class")
        or switch["target"] in (mcp, tool["name"], tool["tool_class"])
    )
    mcps = sorted({tool.partition(".")[0] for tool in tools})
    of_tools = switch["scope"] in ("mcp", "tool", "tool_class")
    sessions = 0 if of_tools else sum(session["user"] in users for session in state.sessions.values())
    named = {"users": users, "mcps": mcps, "tools": tools, "resources": [], "prompts": []}
    hits = {kind: {"count": len(names), "first": names[:100]} for kind, names in named.items()}
    return {**hits, "sessions": sessions, "token_clients": 0, "calls": 0}
