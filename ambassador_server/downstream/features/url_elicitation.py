"""Error -32042 of the legacy era: the user has to open URLs before the downstream runs the call."""

import asyncio
from contextlib import suppress
from typing import Final

import msgspec
from msgspec import Raw

from ambassador_server.downstream.wire.params import read_members
from ambassador_server.errors import InvalidInputError
from ambassador_server.ports.exchange import Ask, NeutralRequest, Question

COMPLETE: Final = "notifications/elicitation/complete"
MAX_ROUNDS: Final = 3
"""How many answers to one request may demand that URLs are opened."""
_MAX_URLS: Final = 16
_CODE: Final = -32042
_COMPLETE_SECONDS: Final = 25.0
"""How long a call waits, after the user agreed to open the URLs, for the downstream to say that it is done."""


class _Url(msgspec.Struct, rename="camel"):
    url: str
    elicitation_id: str


class _Data(msgspec.Struct):
    elicitations: list[Raw]


class _Error(msgspec.Struct):
    code: int
    data: _Data


class _Completed(msgspec.Struct, rename="camel"):
    elicitation_id: str


class _Accepted(msgspec.Struct):
    action: str


_error_decoder = msgspec.json.Decoder(_Error)
_url_decoder = msgspec.json.Decoder(_Url)
_completed_decoder = msgspec.json.Decoder(_Completed)
_accepted_decoder = msgspec.json.Decoder(_Accepted)


class UrlElicitations:
    """Asks hosts to open URLs, and waits until the downstream says that what is done there is done."""

    def __init__(self) -> None:
        self._awaited: dict[str, asyncio.Event] = {}

    def completed(self, params: bytes) -> None:
        """Take a notification that an elicitation is complete; one that nothing waits for is dropped."""
        if not self._awaited:
            return
        with suppress(msgspec.DecodeError, RecursionError):
            event = self._awaited.get(_completed_decoder.decode(params).elicitation_id)
            if event is not None:
                event.set()

    async def opened(self, request: NeutralRequest, error: bytes) -> bool:
        """Tell whether to repeat the call: the error demands URLs, and the user has opened all of them."""
        wanted = {} if request.ask is None else _wanted(error)
        if request.ask is None or not wanted or not _knows_urls(request.capabilities):
            return False
        events = {name: self._awaited.setdefault(name, asyncio.Event()) for name in wanted}
        try:
            for params in wanted.values():
                if not await _is_accepted(request.ask, params):
                    return False
            with suppress(TimeoutError):
                async with asyncio.timeout(_COMPLETE_SECONDS):
                    await asyncio.gather(*(event.wait() for event in events.values()))
            return True
        finally:
            for name in events:
                self._awaited.pop(name, None)


def _wanted(error: bytes) -> dict[str, bytes]:
    """Return the params of the questions by their ids; empty for another error."""
    try:
        read = _error_decoder.decode(error)
        if read.code != _CODE or len(read.data.elicitations) > _MAX_URLS:
            return {}
        return {_url_decoder.decode(raw).elicitation_id: bytes(raw) for raw in read.data.elicitations}
    except (msgspec.DecodeError, RecursionError):
        return {}


def _knows_urls(capabilities: bytes) -> bool:
    with suppress(InvalidInputError):
        members = read_members(capabilities, "capabilities")
        return "url" in read_members(members.get("elicitation", Raw(b"{}")), "elicitation")
    return False


async def _is_accepted(ask: Ask, params: bytes) -> bool:
    members = read_members(params, "params")
    members["mode"] = Raw(b'"url"')
    reply = await ask(Question("elicitation/create", msgspec.json.encode(members)))
    try:
        return _accepted_decoder.decode(reply.result or b"").action == "accept"
    except (msgspec.DecodeError, RecursionError):
        return False
