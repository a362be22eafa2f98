"""Classification of httpx errors, with real sockets."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from ambassador_client.account.http_failures import FailureKind, HttpFailure, http_failures
from tests.client.certificates import make_server_identity
from tests.patience import PATIENCE


class FailedError(Exception):
    """Carries the failure out of the block."""

    def __init__(self, failure: HttpFailure) -> None:
        super().__init__(failure)
        self.failure = failure


@contextmanager
def answering(answer: bytes | None, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve a port that answers every request with these bytes and closes the connection; None never answers."""
    loop = asyncio.new_event_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(1 << 16)
            if answer is None:
                await reader.read()
            else:
                writer.write(answer)
                await writer.drain()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def stop() -> None:
        server.close()
        waiting = asyncio.all_tasks() - {asyncio.current_task()}
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


def failure_of(url: str, *, proxy: str | None = None, read: float = PATIENCE) -> HttpFailure:
    timeout = httpx.Timeout(PATIENCE, read=read)
    with (
        pytest.raises(FailedError) as caught,
        httpx.Client(trust_env=False, proxy=proxy, timeout=timeout) as client,
        http_failures(FailedError),
    ):
        client.get(url)
    assert caught.value.__suppress_context__
    return caught.value.failure


def unused_port() -> int:
    with answering(b"") as port:
        return port


def test_a_closed_port_is_not_connected():
    failure = failure_of(f"http://127.0.0.1:{unused_port()}/")
    assert failure == (FailureKind.NOT_CONNECTED, "connection refused")


def test_an_unreachable_proxy_is_not_connected():
    failure = failure_of("https://ambassador.invalid/", proxy=f"http://127.0.0.1:{unused_port()}")
    assert failure == (FailureKind.NOT_CONNECTED, "connection refused")


def test_a_refusing_proxy():
    with answering(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n") as port:
        failure = failure_of("https://ambassador.invalid/", proxy=f"http://127.0.0.1:{port}")
    assert failure == (FailureKind.PROXY, "403 Forbidden")


def test_a_silent_server_times_out():
    with answering(None) as port:
        assert failure_of(f"http://127.0.0.1:{port}/", read=0.1).kind is FailureKind.TIMEOUT


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nx"]
)
def test_an_incomplete_or_non_http_answer_is_broken(answer: bytes):
    with answering(answer) as port:
        failure = failure_of(f"http://127.0.0.1:{port}/")
    assert failure.kind is FailureKind.BROKEN
    assert failure.reason


def test_an_undecodable_answer_is_unreadable():
    with answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnone") as port:
        assert failure_of(f"http://127.0.0.1:{port}/").kind is FailureKind.UNREADABLE


def test_an_unknown_certificate_is_untrusted(tmp_path: Path):
    context, _ = make_server_identity(tmp_path)
    with answering(b"", context) as port:
        failure = failure_of(f"https://127.0.0.1:{port}/")
    assert failure.kind is FailureKind.UNTRUSTED
    assert "certificate" in failure.reason


def test_a_port_without_tls():
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        failure = failure_of(f"https://127.0.0.1:{port}/")
    assert failure.kind is FailureKind.OTHER
    assert failure.reason


def test_other_exceptions_are_not_converted():
    with pytest.raises(ZeroDivisionError), http_failures(FailedError):
        _ = 1 // 0
