"""Reads the options of a transport, and the references to secrets in them."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from ambassador_protocol.references import SecretReferenceError
from ambassador_server import secret_stores
from ambassador_server.errors import DownstreamUnavailableError, InvalidInputError

_Options = TypeVar("_Options", bound=msgspec.Struct)

_OWN_PREFIX = "env://MCP_AMBASSADOR_"


def parse_options(transport: str, options: Mapping[str, Any], shape: type[_Options]) -> _Options:
    """Return the options as `shape`; raises InvalidInputError naming the wrong option but not its value."""
    known = shape.__struct_fields__
    for name in options:
        if name not in known:
            raise InvalidInputError(
                f"Transport '{transport}' has no option {name!r}; it has {', '.join(known)}."
            )
    try:
        return msgspec.convert(dict(options), shape, strict=True)
    except msgspec.ValidationError as error:
        raise InvalidInputError(f"Options of transport '{transport}': {error}") from None


def check_reference(value: str) -> None:
    """Raise InvalidInputError for a reference that can never be resolved; other values are accepted."""
    try:
        secret_stores.check_reference(value)
    except SecretReferenceError as error:
        raise InvalidInputError(f"{error}.") from None
    if value.startswith(_OWN_PREFIX):
        raise InvalidInputError(f"{value!r} is a setting of this server and is never given to a downstream.")


def resolve_reference(value: str) -> str:
    """Return the secret that a reference names, or the value itself if it is not a reference.

    Raises DownstreamUnavailableError for a missing secret, so that no downstream starts without it.
    """
    try:
        return secret_stores.resolve_reference(value)
    except SecretReferenceError as error:
        raise DownstreamUnavailableError(f"{error}") from None
