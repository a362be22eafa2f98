"""Request params as each era wants them; of a request's `_meta` only the keys of our own leg are touched."""

from typing import Final

import msgspec
from msgspec import Raw

from ambassador_protocol import __version__
from ambassador_protocol.mcp import META_CLIENT_CAPABILITIES, META_CLIENT_INFO, META_VERSION, MODERN_VERSION
from ambassador_server.errors import InvalidInputError

CLIENT_INFO: Final = {"name": "mcp-ambassador", "version": __version__}

# Log messages are not carried back to the caller, so none are asked for; a progress token is our own or none.
_LOG_LEVEL: Final = "io.modelcontextprotocol/logLevel"
_PROGRESS_TOKEN: Final = "progressToken"
_NEVER: Final = (_LOG_LEVEL, _PROGRESS_TOKEN)
_MODERN_ONLY: Final = (META_VERSION, META_CLIENT_INFO, META_CLIENT_CAPABILITIES)

_OWN: Final = {
    META_VERSION: Raw(msgspec.json.encode(MODERN_VERSION)),
    META_CLIENT_CAPABILITIES: Raw(b"{}"),
}
_OWN_INFO: Final = Raw(msgspec.json.encode(CLIENT_INFO))

_members = msgspec.json.Decoder(dict[str, Raw])


def legacy_params(params: bytes, token: int | None = None) -> bytes:
    """Return params for the handshake era: as they came, less what only another leg could understand.

    With a token the downstream is asked to report its progress.
    """
    # A request that mentions neither, which is most of them, is not even read.
    if token is None and b"io.modelcontextprotocol/" not in params and b"progressToken" not in params:
        return params
    fields = read_members(params, "params")
    meta = read_members(fields["_meta"], "params._meta") if "_meta" in fields else {}
    kept = {key: value for key, value in meta.items() if key not in _NEVER and key not in _MODERN_ONLY}
    if token is not None:
        kept[_PROGRESS_TOKEN] = Raw(b"%d" % token)
    elif len(kept) == len(meta):
        return params
    if kept:
        fields["_meta"] = Raw(msgspec.json.encode(kept))
    else:
        del fields["_meta"]
    return msgspec.json.encode(fields)


def modern_params(params: bytes, token: int | None = None) -> tuple[bytes, dict[str, Raw]]:
    """Return params with the `_meta` that every stateless request carries, and their members.

    The host's own client information is passed on; version and capabilities are those of this leg.
    """
    fields = read_members(params, "params")
    meta = read_members(fields["_meta"], "params._meta") if "_meta" in fields else {}
    for key in _NEVER:
        meta.pop(key, None)
    meta.setdefault(META_CLIENT_INFO, _OWN_INFO)
    meta.update(_OWN)
    if token is not None:
        meta[_PROGRESS_TOKEN] = Raw(b"%d" % token)
    fields["_meta"] = Raw(msgspec.json.encode(meta))
    return msgspec.json.encode(fields), fields


def read_members(data: bytes | Raw, what: str) -> dict[str, Raw]:
    """Return an object's members as raw JSON; raises InvalidInputError for what is no object."""
    try:
        return _members.decode(data or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidInputError(f"{what} is not a JSON object") from None
