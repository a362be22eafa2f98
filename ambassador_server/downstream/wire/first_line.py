"""Finds the first answer of a program in a line that has other output as well, such as a banner without a line end."""

import json
import re
from collections.abc import Iterator
from typing import Final

from ambassador_server.domain.shared.large_documents import LARGE
from ambassador_server.downstream.wire.messages import Message, decode_message

_START: Final = re.compile(r'\{\s*"(?:jsonrpc|id|result|error)"\s*:')
_MOST_STARTS: Final = 16
_decoder: Final = json.JSONDecoder()


def answers_in(line: bytes) -> list[Message]:
    """Return the answers inside a line that is not one message, in their order.

    Only answers are returned: a request or a notification in other output may be one that a log quotes, for instance
    our own request.
    """
    if len(line) > LARGE:
        return []
    decoded = (decode_message(text.encode()) for text in _objects(line.decode(errors="replace")))
    return [message for message in decoded if message is not None and message.method is None]


def _objects(text: str) -> Iterator[str]:
    """Yield the text of each JSON object that begins as an answer does and is not part of another one."""
    position = 0
    for _ in range(_MOST_STARTS):
        start = _START.search(text, position)
        if start is None:
            return
        try:
            _, position = _decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            position = start.end()
        else:
            yield text[start.start() : position]
