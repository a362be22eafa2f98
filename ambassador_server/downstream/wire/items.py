"""Splits a large JSON array into its items without decoding it."""

import asyncio
import re
from typing import Final

_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{},]', re.DOTALL)
_STEPS: Final = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}
_TOKENS_PER_TURN: Final = 20_000


async def split_items(array: bytes, most: int) -> list[bytes] | None:
    """Return the raw items of a valid JSON array, or None as soon as there are more than `most`.

    The work is done in slices, so it does not stop the event loop and can be cancelled.
    """
    items: list[bytes] = []
    depth, begin = 0, 1
    for number, token in enumerate(_TOKEN.finditer(array)):
        text = token[0]
        if text == b"," and depth == 1:
            items.append(array[begin : token.start()].strip())
            begin = token.end()
            if len(items) >= most:
                return None
        else:
            depth += _STEPS.get(text, 0)
        if number % _TOKENS_PER_TURN == 0:
            await asyncio.sleep(0)
    last = array[begin:-1].strip()
    return [*items, last] if last else items
