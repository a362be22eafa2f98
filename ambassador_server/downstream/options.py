"""Options of a transport: read strictly, secrets only by reference."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from stat import S_ISREG
from typing import Any, TypeVar

import msgspec

from ambassador_server.errors import DownstreamUnavailableError, InvalidInputError

_Options = TypeVar("_Options", bound=msgspec.Struct)

_ENV = "env://"
_FILE = "file://"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OWN_PREFIX = "MCP_AMBASSADOR_"
_LARGEST_SECRET = 64 * 1024


def parse_options(transport: str, options: Mapping[str, Any], shape: type[_Options]) -> _Options:
    """Return the options as `shape`; raises InvalidInputError that names the one at fault, never its value."""
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
    """Raise InvalidInputError for a reference that could never be resolved; plain values pass."""
    if value.startswith(_ENV):
        name = value.removeprefix(_ENV)
        if _VARIABLE.fullmatch(name) is None:
            raise InvalidInputError(f"{value!r} does not name an environment variable.")
        if name.startswith(_OWN_PREFIX):
            raise InvalidInputError(
                f"{value!r} is a setting of this server and is never given to a downstream."
            )
    elif value.startswith(_FILE) and not value.removeprefix(_FILE).startswith("/"):
        raise InvalidInputError(f"{value!r} is not an absolute path: write file:///path.")


def resolve_reference(value: str) -> str:
    """Return what `env://NAME` or `file:///path` stands for, or the value itself.

    Raises DownstreamUnavailableError when it stands for nothing: a downstream never starts half configured.
    """
    if value.startswith(_ENV):
        found = os.environ.get(value.removeprefix(_ENV))
        if not found:
            raise DownstreamUnavailableError(f"{value} is not set in the environment of the server")
        return found
    if value.startswith(_FILE):
        return _read_secret(Path(value.removeprefix(_FILE)))
    return value


def _read_secret(path: Path) -> str:
    try:
        # Not to block on a pipe that somebody put in the file's place.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            if not S_ISREG(os.fstat(descriptor).st_mode):
                raise DownstreamUnavailableError(f"file://{path} is not a regular file")
            content = file.read(_LARGEST_SECRET + 1)
        text = content.decode().rstrip("\r\n")
    except OSError as error:
        raise DownstreamUnavailableError(f"file://{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DownstreamUnavailableError(f"file://{path} is not UTF-8 text") from None
    if not text or len(content) > _LARGEST_SECRET:
        raise DownstreamUnavailableError(f"file://{path} is empty or larger than {_LARGEST_SECRET} bytes")
    return text
