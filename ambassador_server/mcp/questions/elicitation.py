"""elicitation/create: adds the name of the asking MCP, which the host does not know, to the message for the user."""

import msgspec

from ambassador_server.mcp.envelope import EnvelopeError, read_members, write_members


def with_asking_mcp(params: bytes, mcp_name: str) -> bytes:
    """Return the params with the name of the MCP before the message; params without a message are not changed."""
    try:
        members = read_members(params)
        message = msgspec.json.decode(members["message"], type=str)
    except (EnvelopeError, KeyError, msgspec.MsgspecError):
        return params
    members["message"] = msgspec.Raw(msgspec.json.encode(f"{mcp_name} asks: {message}"))
    return write_members(members)
