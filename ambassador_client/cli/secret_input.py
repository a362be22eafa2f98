"""Reads a secret from a prompt, stdin, `env://NAME` or `file://PATH`, never from the command line."""

import os
import sys
from collections.abc import Callable

from ambassador_client.account.settings import refuse_other_kind
from ambassador_client.errors import NoCredentialsError, UsageError
from ambassador_protocol.references import SecretReferenceError, parse_reference, resolve_reference
from ambassador_protocol.text_files import BYTE_ORDER_MARK

_LONGEST = 4096
_LONGEST_VALUE = 64 * 1024
KEY_PREFIX = "amb_pk_"


def read_secret(source: str | None, prompt: Callable[[], str]) -> str:
    """Return the secret; None reads a prompt at a terminal, else stdin. Raises NoCredentialsError or UsageError."""
    if source is None and sys.stdin is not None and sys.stdin.isatty():
        text = prompt()
    elif source is None or source == "-":
        text = "" if sys.stdin is None else sys.stdin.readline(_LONGEST)
    elif parse_reference(source) is not None:
        text = _resolve(source)
    else:
        raise literal_refused()
    secret = text.removeprefix(BYTE_ORDER_MARK).partition("\n")[0].strip()
    refuse_other_kind(secret, "this")
    if not secret or not secret.isascii() or not secret.isprintable():
        raise NoCredentialsError("the key is missing or damaged", "Type it at the prompt, or use --key-from.")
    return secret


def read_value(source: str | None, prompt: Callable[[], str]) -> str:
    """Return any text, without its last line end: from a prompt one line, from elsewhere all of it.

    Raises NoCredentialsError or UsageError.
    """
    if source is None and sys.stdin is not None and sys.stdin.isatty():
        text = prompt()
    elif source is None or source == "-":
        text = "" if sys.stdin is None else sys.stdin.read(_LONGEST_VALUE + 1)
    elif parse_reference(source) is not None:
        text = _resolve(source, "value", "Check --from.")
    else:
        raise literal_refused()
    value = text.removeprefix(BYTE_ORDER_MARK).rstrip("\r\n")
    if not value:
        raise NoCredentialsError("the value is empty", "Type it at the prompt, or use --from.")
    if len(value) > _LONGEST_VALUE:
        raise UsageError("the value is longer than 64 KiB", "Is it the right file?")
    return value


def literal_refused() -> UsageError:
    """Return the error about a secret on the command line."""
    return UsageError(
        "other processes can read a secret on the command line",
        "Give its place: env://NAME, file://PATH, or - for stdin.",
    )


def _resolve(source: str, kind: str = "key", next_step: str = "Check --key-from.") -> str:
    try:
        return resolve_reference(source, os.environ)
    except SecretReferenceError as error:
        raise NoCredentialsError(f"no {kind} was given: {error}", next_step) from error
