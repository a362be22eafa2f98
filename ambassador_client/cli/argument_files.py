"""Reads the values of arguments that are given as `@FILE`, or as `@-` for standard input."""

import sys
from pathlib import Path

from ambassador_client.account.paths import expanded
from ambassador_client.errors import UsageError
from ambassador_protocol.text_files import decode_text

_MAX_BYTES = 16 << 20
_STDIN = "-"


class ArgumentFiles:
    """Reads files and, at most once, standard input; every method raises UsageError."""

    def __init__(self) -> None:
        self._stdin_user: str | None = None

    def expand(self, name: str, text: str) -> str:
        """Return the value of the argument `name`: the content of `@FILE` or `@-`; `@@text` is the text `@text`."""
        if not text.startswith("@"):
            return text
        if text.startswith("@@"):
            return text[1:]
        if text == "@":
            raise UsageError(f"{name}=@ names no file", f"Write {name}=@FILE, or {name}=@@ for the text @.")
        return self.standard_input(name) if text == f"@{_STDIN}" else self._file(name, expanded(text[1:]))

    def standard_input(self, name: str) -> str:
        """Return the text on standard input, which the option or argument `name` asks for."""
        if self._stdin_user is not None:
            raise UsageError(
                f"both {self._stdin_user} and {name} read standard input", "Give one of them by a file."
            )
        self._stdin_user = name
        content = b"" if sys.stdin is None else sys.stdin.buffer.read(_MAX_BYTES + 1)
        return _text(content, "standard input")

    def _file(self, name: str, path: Path) -> str:
        try:
            with path.open("rb") as file:
                content = file.read(_MAX_BYTES + 1)
        except (OSError, ValueError) as error:  # ValueError: a path with a NUL character
            why = getattr(error, "strerror", None) or str(error)
            raise UsageError(
                f"the file of {name} cannot be read: {path}: {why}",
                f"For text that begins with @ write {name}=@@...",
            ) from None
        return _text(content, f"the file {path}")


def _text(content: bytes, what: str) -> str:
    if len(content) > _MAX_BYTES:
        raise UsageError(f"{what} is larger than {_MAX_BYTES >> 20} MB", "Give less.")
    try:
        return decode_text(content)
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{what} is not UTF-8 text: byte {error.start + 1} is 0x{content[error.start]:02x}",
            "Convert it, or encode it as the tool expects it, such as base64.",
        ) from None
