"""Reads the options of a transport, and the references to secrets in them."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from ambassador_protocol.references import SecretReferenceError, parse_reference
from ambassador_server import secret_stores
from ambassador_server.errors import DownstreamUnavailableError, InvalidInputError

_Options = TypeVar("_Options", bound=msgspec.Struct)

_QUOTED = re.compile(r"`([^`]*)`")
_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
}
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
        raise InvalidInputError(f"Options of transport '{transport}': {_fault(str(error))}.") from None


def _fault(text: str) -> str:
    """Return what msgspec finds wrong in the words of the other messages: first the place, then the types."""
    what, _, place = text.partition(" - at `$")
    what = _QUOTED.sub(lambda found: " or ".join(map(_word, found[1].split(" | "))), what)
    named = place.rstrip("`").lstrip(".")
    return f"{named}: {what[:1].lower()}{what[1:]}" if named else f"{what[:1].lower()}{what[1:]}"


def _word(name: str) -> str:
    return _TYPES.get(name, repr(name))


def check_reference(value: str) -> None:
    """Raise InvalidInputError for a reference that can never be resolved; other values are accepted."""
    try:
        secret_stores.check_reference(value)
    except SecretReferenceError as error:
        raise InvalidInputError(f"{error}.") from None
    if value.startswith(_OWN_PREFIX) or value == f"env://{secret_stores.VAULT_TOKEN}":
        raise InvalidInputError(f"{value!r} is a setting of this server and is never given to a downstream.")


def check_secret_reference(value: str) -> None:
    """Raise InvalidInputError unless the value is a reference that may be resolved; it is never quoted as a literal."""
    if parse_reference(value) is None:
        raise InvalidInputError(
            f"A credential is given by reference, {_written()}; its value itself is never stored in an MCP."
        )
    check_reference(value)


def _written() -> str:
    return " or ".join(f"{scheme}://" for scheme in secret_stores.known_stores())


async def resolve_reference(value: str) -> str:
    """Return the secret that a reference names, or the value itself if it is not a reference.

    Raises DownstreamUnavailableError for a missing secret, so that no downstream starts without it.
    """
    try:
        return await secret_stores.resolve_without_blocking(value)
    except SecretReferenceError as error:
        raise DownstreamUnavailableError(f"{error}") from None
