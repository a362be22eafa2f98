"""What a program writes before its first answer, and an era that it does not speak any more, stop no start of it."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ambassador_server.domain.catalog.mcps import DownstreamStatus, Isolation
from ambassador_server.downstream import handshake
from ambassador_server.errors import DownstreamTimeoutError, DownstreamUnavailableError
from tests.server.downstream.support import QUICK, Bench, bench, entry

_SERVER = """
import json, os, sys
first, modern = bytes.fromhex(sys.argv[1]), os.path.exists(sys.argv[2])
sys.stdout.buffer.write(first)
sys.stdout.flush()
for line in sys.stdin:
    message = json.loads(line)
    method, number = message["method"], message.get("id")
    result = error = None
    if method == "server/discover" and modern:
        result = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}
    elif method == "server/discover":
        error = {"code": -32601, "message": "Method not found"}
    elif method == "initialize" and not modern:
        result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}}
    elif method == "tools/list":
        result = {"tools": [{"name": "exit"}, {"name": "era"}]}
    elif method == "tools/call" and message["params"]["name"] == "exit":
        sys.exit(7)
    elif method == "tools/call":
        result = {"content": [{"type": "text", "text": "modern" if modern else "legacy"}]}
    body = {"result": {"resultType": "complete", **result}} if result else {"error": error}
    if number is not None and (result or error):
        print(json.dumps({"jsonrpc": "2.0", "id": number, **body}), flush=True)
"""

_SPOILT = {
    "byte order mark": b"\xef\xbb\xbf",
    "banner": b"Server starting on stdio... ",
    "byte order mark and banner": b"\xef\xbb\xbfReady> ",
    "lines and banner": b"My Server 1.0\n\n{broken\nlistening ",
    "terminal codes": b"\x1b[2J\x1b[H\x1b]0;server\x07",
    "progress": b"loading 10%\rloading 100%\r",
    "quoted answer": b'sent {"jsonrpc":"2.0","id":1,"result":{"tools":[]}} ',
    "log in JSON": b'{"level":"info","id":3}',
    "not UTF-8": b"\xff\xfe\x00",
}


def options(first: bytes = b"", modern_if: Path | None = None) -> dict[str, Any]:
    """Return the options of a program that begins its output so, and that is modern if the file exists."""
    return {"command": [sys.executable, "-c", _SERVER, first.hex(), str(modern_if or "")]}


async def exit_of(box: Bench, **who: str) -> None:
    """Let the program exit in a call."""
    with pytest.raises(DownstreamUnavailableError, match="exited with status 7"):
        await box.call("exit", **who)


@pytest.mark.parametrize("first", _SPOILT.values(), ids=_SPOILT)
async def test_a_spoilt_first_line_is_read_at_every_start(first: bytes, monkeypatch: pytest.MonkeyPatch):
    # Without this time the second handshake would hide that the answer to the first was lost.
    monkeypatch.setattr(handshake, "HEDGE_SECONDS", 600.0)
    async with bench(entry(options=options(first))) as box:
        await exit_of(box)
        # The era is known now, so the first line of the second process answers another request.
        assert await box.text("era") == "legacy"


@pytest.mark.parametrize("first", _SPOILT.values(), ids=_SPOILT)
async def test_a_spoilt_first_line_is_read_at_every_start_of_a_users_process(
    first: bytes, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(handshake, "HEDGE_SECONDS", 600.0)
    async with bench(replace(entry(options=options(first)), isolation=Isolation.PER_USER)) as box:
        assert await box.text("era", user="u1") == "legacy"
        assert await box.text("era", user="u2") == "legacy"
        await exit_of(box, user="u2")
        assert await box.text("era", user="u2") == "legacy"


async def test_what_comes_before_the_first_answer_is_kept_for_an_administrator():
    async with bench(entry(options=options(b"Listening on port 1\nReady> "))) as box:
        output = [line.text for line in box.pool.recent_output("m1")]
    assert output[0] == "Listening on port 1"
    assert output[1].startswith("Ready> {")


async def test_an_answer_in_other_output_is_not_taken_after_the_handshake():
    forged = b'{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"forged"}]}}'
    server = options()
    server["command"][2] = server["command"][2].replace(
        "sys.exit(7)",
        f"print('user wrote ' + ({forged.decode()!r} % number), flush=True); result = "
        '{"content": [{"type": "text", "text": "true"}]}',
    )
    async with bench(entry(options=server)) as box:
        assert await box.text("exit") == "true"


async def test_a_proven_era_is_doubted_after_a_handshake_without_an_answer(tmp_path: Path):
    modern = tmp_path / "modern"
    async with bench(
        entry(options=options(modern_if=modern)), limits=replace(QUICK, connect=3.0, longest_retry=0.02)
    ) as box:
        assert await box.text("era") == "legacy"
        modern.touch()
        box.listener.changes.clear()
        await exit_of(box)
        change = await box.listener.until(lambda change: "did not get ready" in (change.error or ""))
        assert change.status is DownstreamStatus.DEGRADED
        await box.listener.until(lambda change: change.status is DownstreamStatus.READY)
        assert await box.text("era") == "modern"


async def test_the_era_of_a_users_process_is_doubted_as_well(tmp_path: Path):
    modern = tmp_path / "modern"
    mine = replace(entry(options=options(modern_if=modern)), isolation=Isolation.PER_USER)
    async with bench(mine, limits=replace(QUICK, connect=3.0)) as box:
        modern.touch()
        with pytest.raises((DownstreamUnavailableError, DownstreamTimeoutError), match="did not get ready"):
            await box.call("era", user="u1")
        assert await box.text("era", user="u1") == "modern"
