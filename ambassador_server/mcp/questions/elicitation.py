"""elicitation/create: the user must see which MCP asks, because the host only knows us."""

import msgspec

from ambassador_server.mcp.envelope import EnvelopeError, read_members, write_members


def with_asking_mcp(params: bytes, mcp_name: str) -> bytes:
    """Return the params with the name of the MCP in front of the message; a question without a message as it is."""
    try:
        members = read_members(params)
        message = msgspec.json.decode(members["message"], type=str)
    except (EnvelopeError, KeyError, msgspec.MsgspecError):
        return params
    members["message"] = msgspec.Raw(msgspec.json.encode(f"{mcp_name} asks: {message}"))
    return write_members(members)
