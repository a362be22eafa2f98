"""Decodes text as people's programs save it: UTF-8 with or without a byte order mark, or UTF-16 with one."""

import codecs


def decode_text(content: bytes) -> str:
    """Return the text without a byte order mark; raises UnicodeDecodeError."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    return content.decode("utf-8-sig")
