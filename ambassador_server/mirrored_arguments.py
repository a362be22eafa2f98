"""Decodes the arguments of a call that are repeated in headers."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Raw

from ambassador_protocol.param_headers import HeaderMap, Path
from ambassador_server.domain.shared.large_documents import LARGE, off_loop


class _Key:
    """Stands for the name of a member, so that the decoder asks for each name which key it gets."""


async def mirrored_arguments(arguments: bytes | Raw, header_map: HeaderMap) -> Any:
    """Return the decoded arguments; of large ones only those of the header map, so that the event loop goes on.

    Raises msgspec.MsgspecError and RecursionError for what cannot be decoded.
    """
    raw = bytes(arguments)
    return msgspec.json.decode(raw) if len(raw) <= LARGE else await off_loop(_picked, raw, list(header_map))


def _picked(raw: bytes, paths: Iterable[Path]) -> Any:
    """Return the value with the members on these paths only; a list or object at the end of one is left empty."""
    if raw.startswith(b"["):
        return []
    if not raw.startswith(b"{"):
        return msgspec.json.decode(raw)
    below: dict[str, list[Path]] = {}
    for path in paths:
        if path:
            below.setdefault(path[0], []).append(path[1:])
    return {name: _picked(bytes(found), below[name]) for name, found in _members(raw, below).items()}


def _members(raw: bytes, names: Iterable[str]) -> dict[str, Raw]:
    """Return the raw values of the members with these names; the others take no memory."""
    keys, other = {name: _Key() for name in names}, _Key()
    found = msgspec.json.decode(raw, type=dict[_Key, Raw], dec_hook=lambda _, name: keys.get(name, other))
    return {name: found[key] for name, key in keys.items() if key in found}
