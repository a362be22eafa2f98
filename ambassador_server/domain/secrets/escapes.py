"""Decodes escapes and plain letters of other widths and styles, behind which a secret can be hidden."""

import re
import sys
import unicodedata
from urllib.parse import unquote

_ROUNDS = 4
_ESCAPE = re.compile(
    r"\\{1,4}+(?:u\{0{0,4}+(?P<braced>[0-9A-Fa-f]{1,6})\}|u(?P<unit>[0-9A-Fa-f]{4})|U000(?P<long>[0-9A-Fa-f]{5})"
    r"|x(?P<byte>[0-9A-Fa-f]{2})|(?P<octal>[01][0-7]{2}))"
    r"|&#(?:[xX]0{0,4}+(?P<entity>[0-9A-Fa-f]{1,6}+)|0{0,4}+(?P<decimal>[0-9]{1,6}+));?"
    r"|=(?P<quoted>[0-9A-Fa-f]{2})|&(?P<named>lowbar|UnderBar);"
)
_BASES = {"octal": 8, "decimal": 10}


def unfolded(text: str) -> str:
    """Return the text with percent, backslash, entity and quoted-printable escapes decoded, and letters made plain."""
    for _ in range(_ROUNDS):
        before = text
        text = _ESCAPE.sub(_character, unquote(text))
        if not text.isascii():
            # Escapes may have been the halves of surrogate pairs.
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
            text = unicodedata.normalize("NFKC", text)
        if text == before:
            break
    return text


def _character(escape: re.Match[str]) -> str:
    kind = escape.lastgroup or ""
    if kind == "named":
        return "_"
    number = int(escape[kind], _BASES.get(kind, 16))
    return chr(number) if number <= sys.maxunicode else escape[0]
