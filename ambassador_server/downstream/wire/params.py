"""Reads the members of raw params; holds the members of `_meta` that both eras set or remove."""

from typing import Final

import msgspec
from msgspec import Raw

from ambassador_protocol import __version__
from ambassador_server.errors import InvalidInputError

CLIENT_INFO: Final = {"name": "mcp-ambassador", "version": __version__}
OWN_CLIENT_INFO: Final = Raw(msgspec.json.encode(CLIENT_INFO))

LOG_LEVEL: Final = "io.modelcontextprotocol/logLevel"

# The level is set again if the caller takes log messages; a progress token is replaced by our own.
REPLACED_META: Final = (LOG_LEVEL, "progressToken")

NO_CAPABILITIES: Final = b"{}"
RELAYED: Final = b'{"elicitation":{"form":{},"url":{}},"sampling":{},"roots":{}}'
"""The capabilities of hosts that this server can relay, declared where no host in particular is meant."""

_members = msgspec.json.Decoder(dict[str, Raw])


def read_members(data: bytes | Raw, what: str) -> dict[str, Raw]:
    """Return the members of an object as raw JSON; raises InvalidInputError if `data` is not an object."""
    try:
        return _members.decode(data or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidInputError(f"{what} is not a JSON object") from None


def declared_by(capabilities: bytes) -> bytes:
    """Return the capabilities that a host's own legacy session declares.

    They are those of the host, but that changes of its roots are announced, which ends at this server.
    """
    if b"listChanged" not in capabilities:
        return capabilities or NO_CAPABILITIES
    members = read_members(capabilities, "capabilities")
    if "roots" in members:
        members["roots"] = Raw(NO_CAPABILITIES)
    return msgspec.json.encode(members)
