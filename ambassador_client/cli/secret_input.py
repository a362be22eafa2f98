"""Reads a secret from a prompt, stdin, `env://NAME` or `file://PATH`, never from the command line."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from ambassador_client.account.paths import referenced
from ambassador_client.errors import NoCredentialsError, UsageError

_LONGEST = 4096
KEY_PREFIX = "amb_pk_"


def read_secret(source: str | None, prompt: Callable[[], str]) -> str:
    """Return the secret; None reads a prompt at a terminal, else stdin. Raises NoCredentialsError or UsageError."""
    if source is None and sys.stdin is not None and sys.stdin.isatty():
        text = prompt()
    elif source is None or source == "-":
        text = "" if sys.stdin is None else sys.stdin.readline(_LONGEST)
    elif source.startswith("env://"):
        text = os.environ.get(source.removeprefix("env://"), "")
    elif source.startswith("file://"):
        text = _first_line(referenced(source))
    else:
        raise UsageError(
            "other processes can read a secret on the command line",
            "Give its place: env://NAME, file://PATH, or - for stdin.",
        )
    secret = text.strip()
    if not secret or not secret.isascii() or not secret.isprintable():
        raise NoCredentialsError("the key is missing or damaged", "Type it at the prompt, or use --key-from.")
    return secret


def _first_line(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.readline(_LONGEST)
    except OSError as error:
        raise NoCredentialsError(f"cannot read {path}: {error.strerror}", "Check the path.") from error
    except UnicodeDecodeError as error:
        raise NoCredentialsError(f"{path} is not text", "Check the path.") from error
