"""Members of raw params, and what both eras put into or take out of a request's `_meta`."""

from typing import Final

import msgspec
from msgspec import Raw

from ambassador_protocol import __version__
from ambassador_server.errors import InvalidInputError

CLIENT_INFO: Final = {"name": "mcp-ambassador", "version": __version__}
OWN_CLIENT_INFO: Final = Raw(msgspec.json.encode(CLIENT_INFO))

# Log messages are not carried back to the caller, so none are asked for; a progress token is our own or none.
REPLACED_META: Final = ("io.modelcontextprotocol/logLevel", "progressToken")

_members = msgspec.json.Decoder(dict[str, Raw])


def read_members(data: bytes | Raw, what: str) -> dict[str, Raw]:
    """Return an object's members as raw JSON; raises InvalidInputError for what is no object."""
    try:
        return _members.decode(data or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidInputError(f"{what} is not a JSON object") from None
