"""Decodes text as people's programs save it: UTF-8 with or without a byte order mark, or UTF-16 with one."""

import codecs
from typing import Final

BYTE_ORDER_MARK: Final = "\ufeff"
_UTF_16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
BYTE_ORDER_MARKS: Final = (codecs.BOM_UTF8, *_UTF_16_MARKS)


def decode_text(content: bytes) -> str:
    """Return the text without a byte order mark; raises UnicodeDecodeError."""
    if content.startswith(_UTF_16_MARKS) and len(content) > len(codecs.BOM_UTF16):
        return content.decode("utf-16")
    return content.decode("utf-8-sig")
