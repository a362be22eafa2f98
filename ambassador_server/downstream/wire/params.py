"""Reads the members of raw params; holds the members of `_meta` that both eras set or remove."""

from typing import Final

import msgspec
from msgspec import Raw

from ambassador_protocol import __version__
from ambassador_server.errors import InvalidInputError

CLIENT_INFO: Final = {"name": "mcp-ambassador", "version": __version__}
OWN_CLIENT_INFO: Final = Raw(msgspec.json.encode(CLIENT_INFO))

# Log messages are not passed on to the caller, so none are requested; a progress token is replaced by our own.
REPLACED_META: Final = ("io.modelcontextprotocol/logLevel", "progressToken")

_members = msgspec.json.Decoder(dict[str, Raw])


def read_members(data: bytes | Raw, what: str) -> dict[str, Raw]:
    """Return the members of an object as raw JSON; raises InvalidInputError if `data` is not an object."""
    try:
        return _members.decode(data or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidInputError(f"{what} is not a JSON object") from None
