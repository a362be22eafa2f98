"""elicitation/create: adds the name of the asking MCP, which the host does not know, to the message for the user."""

import msgspec

from ambassador_server.mcp.envelope import read_members, write_members


def with_asking_mcp(params: bytes, mcp_name: str) -> bytes:
    """Return the params, an object, with the name of the MCP before the message, or as the message if there is none."""
    members = read_members(params)
    try:
        message = f": {msgspec.json.decode(members['message'], type=str)}"
    except (KeyError, msgspec.MsgspecError):
        message = " for input"
    members["message"] = msgspec.Raw(msgspec.json.encode(f"{mcp_name} asks{message}"))
    return write_members(members)
