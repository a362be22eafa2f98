"""A client that does not finish the TLS handshake is cut off in time, and counted."""

import asyncio
import ssl
from pathlib import Path

import pytest
import uvloop
from aiohttp import web

from ambassador_server.crypto.certificates import ensure_certificates
from ambassador_server.crypto.listener_tls import ListenerTls
from ambassador_server.web import accepting
from ambassador_server.web.listener_bounds import ConnectionBounds, ConnectionCounts
from ambassador_server.web.listeners import listen
from tests.patience import PATIENCE

BEGINNINGS = (b"", b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")


async def _story(tls: ListenerTls, ca_file: Path) -> None:
    counts = ConnectionCounts()
    listener = await listen(
        web.Application(),
        host="127.0.0.1",
        port=0,
        tls=tls,
        drain_seconds=0.1,
        bounds=ConnectionBounds(total=len(BEGINNINGS), per_address=len(BEGINNINGS)),
        counts=counts,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            stuck = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in BEGINNINGS]
            for (_, writer), beginning in zip(stuck, BEGINNINGS, strict=True):
                writer.write(beginning)
            for reader, writer in stuck:
                assert await reader.read() == b""
                writer.close()
            while listener.connections.open:  # noqa: ASYNC110 - another task ends them
                await asyncio.sleep(0.01)
            assert (counts.cut_off, counts.refused) == (len(BEGINNINGS), 0)
            trusting = ssl.create_default_context(cafile=ca_file)
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", listener.port, ssl=trusting, server_hostname="127.0.0.1"
            )
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 404")
            writer.close()
    finally:
        await listener.close()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_handshake_that_never_finishes_is_cut_off_and_counted(
    run: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "_HANDSHAKE_SECONDS", 1.0)
    own = ensure_certificates(tmp_path / "certificates", ["127.0.0.1"])
    run(_story(ListenerTls((own.certificate_file, own.key_file)), own.ca_file))  # type: ignore[operator]  # both take a coroutine
