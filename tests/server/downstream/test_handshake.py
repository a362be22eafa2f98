"""The handshake chooses the era by the answers of the downstream."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from ambassador_server.downstream import handshake
from ambassador_server.downstream.era import Era
from ambassador_server.downstream.handshake import agree
from ambassador_server.downstream.transport import RejectedError, Transport
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.ports.exchange import Reply
from tests.server.downstream.support import PATIENCE

MODERN = {"supportedVersions": ["2027-01-01", "2026-07-28"], "capabilities": {"tools": {"listChanged": True}}}
LEGACY = {
    "protocolVersion": "2025-03-26",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "x", "version": "1"},
}


class ScriptedTransport:
    """Answers each method with a result, an error or an exception; an answer in a list waits for `speak`."""

    mirrors_headers = False
    carries_modern_era = True

    def __init__(self, **answers: Any) -> None:
        self.answers = {name.replace("_", "/"): answer for name, answer in answers.items()}
        self.asked: list[str] = []
        self.versions: list[str] = []
        self.speak = asyncio.Event()
        self.requested = asyncio.Event()
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def request(self, method: str, params: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        self.asked.append(method)
        self.requested.set()
        answer = self.answers[method]
        if isinstance(answer, list):
            await self.speak.wait()
            (answer,) = answer
        if isinstance(answer, Exception):
            raise answer
        if "code" in answer:
            return Reply(result=None, error=json.dumps(answer).encode())
        return Reply(result=json.dumps(answer).encode(), error=None)

    async def until_asked(self, method: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while method not in self.asked:
                self.requested.clear()
                await self.requested.wait()

    async def notify(self, method: str, params: bytes) -> None:
        self.asked.append(method)

    def use_version(self, version: str) -> None:
        self.versions.append(version)

    async def open(self) -> None: ...

    async def listen(self) -> bool:
        return False

    def last_error_line(self) -> str:
        return ""

    def recent_output(self) -> tuple[str, ...]:
        return ()

    async def close(self) -> None: ...


async def era_of(remembered: Era | None = None, **answers: Any) -> tuple[Era, ScriptedTransport]:
    transport = ScriptedTransport(**answers)
    agreed: Transport = transport
    agreement = await agree(agreed, remembered)
    assert transport.versions[-1] == agreement.version
    return agreement.era, transport


async def test_a_modern_answer_is_enough():
    era, transport = await era_of(server_discover=MODERN)
    assert era is Era.MODERN
    assert transport.asked == ["server/discover"]
    assert transport.versions == ["2026-07-28"]


@pytest.mark.parametrize(
    "refusal",
    [
        {"code": -32601, "message": "Method not found"},
        {"code": -32602, "message": "Invalid request parameters"},
        {"code": -32000, "message": "Bad Request: Server not initialized"},
        {"code": -32022, "message": "?", "data": {"supported": ["2025-06-18"]}},
        {"code": -32022, "message": "?", "data": "nonsense"},
        {"supportedVersions": ["2025-11-25"], "capabilities": {}},
        {"something": "else"},
        RejectedError("answered with HTTP 400"),
    ],
)
async def test_anything_but_a_modern_answer_leads_to_the_legacy_handshake(refusal: Any):
    era, transport = await era_of(server_discover=refusal, initialize=LEGACY)
    assert era is Era.LEGACY
    assert transport.asked == ["server/discover", "initialize", "notifications/initialized"]
    assert transport.versions[-1] == "2025-03-26"


@pytest.mark.parametrize(
    ("refusal", "text"),
    [
        (
            {"code": -32022, "message": "?", "data": {"supported": ["2031-01-01"]}},
            "only unknown protocol versions",
        ),
        ({"supportedVersions": ["2031-01-01"], "capabilities": {}}, "2031-01-01"),
        ({"code": -32020, "message": "mismatch"}, "refused server/discover"),
        ({"code": -32021, "message": "capability"}, "refused server/discover"),
        (DownstreamUnavailableError("exited with status 1"), "exited with status 1"),
    ],
)
async def test_a_modern_refusal_or_an_outage_is_no_reason_for_the_legacy_handshake(refusal: Any, text: str):
    with pytest.raises(DownstreamUnavailableError, match=text):
        await era_of(server_discover=refusal)


async def test_both_handshakes_are_sent_to_a_silent_downstream(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(handshake, "HEDGE_SECONDS", 0.0)
    never = [MODERN]
    era, transport = await era_of(server_discover=never, initialize=LEGACY)
    assert era is Era.LEGACY
    assert transport.asked == ["server/discover", "initialize", "notifications/initialized"]


async def test_a_late_modern_answer_counts_when_the_legacy_handshake_was_refused(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(handshake, "HEDGE_SECONDS", 0.0)
    transport = ScriptedTransport(
        server_discover=[MODERN], initialize={"code": -32022, "message": "modern only"}
    )
    agreeing = asyncio.ensure_future(agree(transport, None))
    await transport.until_asked("initialize")
    transport.speak.set()
    assert (await agreeing).era is Era.MODERN


async def test_the_legacy_refusal_is_the_error_when_both_handshakes_are_refused(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(handshake, "HEDGE_SECONDS", 0.0)
    transport = ScriptedTransport(
        server_discover=[{"code": -32601, "message": "no"}], initialize={"code": -1, "message": "no"}
    )
    agreeing = asyncio.ensure_future(agree(transport, None))
    await transport.until_asked("initialize")
    transport.speak.set()
    with pytest.raises(DownstreamUnavailableError, match=r"refused the handshake \(error -1\)"):
        await agreeing


async def test_a_known_legacy_downstream_gets_no_modern_request():
    era, transport = await era_of(Era.LEGACY, initialize=LEGACY)
    assert era is Era.LEGACY
    assert transport.asked == ["initialize", "notifications/initialized"]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({**LEGACY, "protocolVersion": "1999-01-01"}, "unknown protocol version: '1999-01-01'"),
        ({**LEGACY, "protocolVersion": 7}, "not MCP"),
        ({**LEGACY, "instructions": "x" * 300_000}, "more than 262144 bytes"),
        ({"code": -32602, "message": "secret words of a stranger"}, "refused the handshake"),
    ],
)
async def test_a_malformed_handshake_is_an_error(answer: Any, text: str):
    with pytest.raises(DownstreamUnavailableError, match=text) as failure:
        await era_of(Era.LEGACY, initialize=answer)
    assert "stranger" not in str(failure.value)
