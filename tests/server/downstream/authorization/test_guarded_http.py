"""Requests go only to checked addresses, in bounded time, and nothing of an answer gets into an error."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ambassador_server.errors import AuthorizationServerUnavailableError, UntrustedMetadataError
from ambassador_server.guarded_http import requests as guarded_http
from ambassador_server.guarded_http.requests import LARGEST_BODY, GuardedHttp
from tests.fakes.authorization_server import FakeAuthorizationServer, answer
from tests.patience import PATIENCE
from tests.server.downstream.certificates import make_certificate

SECRET = "text-of-the-body"
PATIENT = GuardedHttp(seconds=PATIENCE)


async def message(url: str, *, private: bool = True, http: GuardedHttp = PATIENT) -> str:
    """Return the error of a request."""
    with pytest.raises(AuthorizationServerUnavailableError) as caught:
        await http.get(url, private=private)
    assert SECRET not in caught.value.message
    return caught.value.message


def resolve_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let names be resolved to these addresses, one list each time; return the names that were asked for."""
    waiting, asked = list(answers), []

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        asked.append(host)
        addresses = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
            if ":" in address
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@asynccontextmanager
async def listener() -> AsyncIterator[tuple[int, list[object]]]:
    """Listen on loopback; yield the port and the connections that were accepted."""
    accepted: list[object] = []

    def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer)
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], accepted


async def test_a_document_is_fetched(fake: FakeAuthorizationServer):
    found = await PATIENT.get(f"{fake.base}/.well-known/oauth-authorization-server", private=True)
    assert found.status == 200
    assert found.json()["issuer"] == fake.base
    (seen,) = fake.seen
    assert "Cookie" not in seen.headers
    assert seen.headers["Accept"] == "application/json"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
    ],
)
async def test_no_way_to_write_loopback_is_dialled_without_permission(host: str):
    async with listener() as (port, accepted):
        await message(f"https://{host}:{port}/", private=False)
        assert accepted == []


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254", "0.0.0.0", "10.1.2.3"]
)
async def test_a_name_of_a_private_address_is_not_dialled(monkeypatch: pytest.MonkeyPatch, address: str):
    async with listener() as (port, accepted):
        resolve_to(monkeypatch, [address])
        text = await message(f"https://as.example:{port}/", private=False)
        assert text == (
            "The authorization server at as.example has an address that may not be dialled unless private addresses "
            "are allowed."
        )
        assert accepted == []


async def test_an_address_that_changes_after_its_resolution_is_not_dialled(monkeypatch: pytest.MonkeyPatch):
    """DNS rebinding: the first answer is public, each later one is loopback; only one is asked for."""
    dialled: list[tuple[Any, ...]] = []

    def open_socket(gate: Any, info: tuple[Any, ...]) -> socket.socket:
        dialled.append(info[4])
        return original(gate, info)

    original = guarded_http._Gate.open_socket
    monkeypatch.setattr(guarded_http._Gate, "open_socket", open_socket)
    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", refuse_to_connect)
    asked = resolve_to(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
    text = await message("https://rebinding.example/", private=False)
    assert text == "The authorization server at rebinding.example cannot be connected to."
    assert asked == ["rebinding.example"]
    assert dialled == [("8.8.8.8", 443)]


async def refuse_to_connect(_: socket.socket, address: object) -> None:
    raise ConnectionRefusedError(f"no connection to {address}")


async def test_of_mixed_addresses_only_the_allowed_ones_are_dialled(monkeypatch: pytest.MonkeyPatch):
    dialled: list[Any] = []

    async def connect(sock: socket.socket, address: object) -> None:
        dialled.append(address)
        raise ConnectionRefusedError("no")

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
    resolve_to(monkeypatch, ["127.0.0.1", "8.8.8.8", "::1"])
    await message("https://mixed.example/", private=False)
    assert set(dialled) == {("8.8.8.8", 443)}


async def test_plain_http_goes_to_loopback_alone_whatever_localhost_is_resolved_to(
    monkeypatch: pytest.MonkeyPatch,
):
    resolve_to(monkeypatch, ["10.0.0.1"])
    text = await message("http://localhost:1/")
    assert text == "The authorization server at localhost does not use https, and is not on this machine."


async def test_plain_http_elsewhere_is_refused_before_any_name_is_resolved(monkeypatch: pytest.MonkeyPatch):
    asked = resolve_to(monkeypatch, ["127.0.0.1"])
    with pytest.raises(UntrustedMetadataError):
        await PATIENT.get("http://as.example/", private=True)
    assert asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(fake: FakeAuthorizationServer, status: int):
    fake.script("/a", answer(SECRET, status, headers={"Location": f"{fake.base}/b"}))
    found = await PATIENT.get(f"{fake.base}/a", private=True)
    assert found.status == status
    assert [seen.path for seen in fake.seen] == ["/a"]
    assert SECRET not in repr(found)


async def test_a_long_body_is_not_read_to_its_end(fake: FakeAuthorizationServer):
    sent = 0

    async def pour(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b"x" * 65536)
            sent += 65536
        return response

    fake.script("/", pour)
    assert await message(fake.base) == (
        f"The authorization server at 127.0.0.1 answered with more than {LARGEST_BODY} bytes."
    )
    assert sent < 32 * LARGEST_BODY


async def test_a_compressed_body_is_never_unpacked(fake: FakeAuthorizationServer):
    fake.script("/", answer(SECRET, headers={"Content-Encoding": "br"}))
    found = await PATIENT.get(fake.base, private=True)
    assert found.json_or_empty() == {}


async def test_a_slow_server_is_given_up(fake: FakeAuthorizationServer):
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.01)

    fake.script("/", drip)
    text = await message(fake.base, http=GuardedHttp(seconds=0.3))
    assert text == "The authorization server at 127.0.0.1 did not answer within 0 s."


async def test_a_server_that_is_down_is_named():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        text = await message(f"http://127.0.0.1:{port}/")
    assert text == "The authorization server at 127.0.0.1 cannot be connected to."


async def test_a_server_that_closes_the_connection_is_named():
    async with listener() as (port, accepted):
        text = await message(f"http://127.0.0.1:{port}/")
        assert text.startswith("The authorization server at 127.0.0.1 ")
        assert accepted


async def test_an_untrusted_certificate_is_refused_and_a_trusted_one_is_checked_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    certificate, key = make_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    app = web.Application()
    app.router.add_get("/", answer({"ok": True}))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        port = runner.addresses[0][1]
        text = await message(f"https://127.0.0.1:{port}/")
        assert text == "The authorization server at 127.0.0.1 has a certificate that is not trusted."
        trusting = ssl.create_default_context(cafile=str(certificate))
        monkeypatch.setattr(guarded_http, "_tls_context", lambda: trusting)
        assert (await PATIENT.get(f"https://127.0.0.1:{port}/", private=True)).json() == {"ok": True}
        resolve_to(monkeypatch, ["127.0.0.1"])
        text = await message(f"https://other.example:{port}/")
        assert text == "The authorization server at other.example has a certificate that is not trusted."
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    "body", ["<html></html>", "", "[1, 2]", '"text"', "null", "{", "[" * 100_000, '{"a": 1e999999}', "\ud83d"]
)
async def test_what_is_no_json_object_is_an_error_without_its_text(fake: FakeAuthorizationServer, body: str):
    async def send(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body.encode(errors="surrogatepass"), content_type="application/json")

    fake.script("/", send)
    found = await PATIENT.get(fake.base, private=True)
    if body == '{"a": 1e999999}':
        return
    with pytest.raises(AuthorizationServerUnavailableError) as caught:
        found.json()
    assert caught.value.message == (
        "The authorization server at 127.0.0.1 answered HTTP 200 without a JSON object."
    )


async def test_a_proxy_of_the_environment_is_used_only_on_request(
    fake: FakeAuthorizationServer, monkeypatch: pytest.MonkeyPatch
):
    """A corporate proxy resolves the name itself; here it is the fake, which sees a request with the whole URL."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, fake.base)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        await message(f"http://127.0.0.1:{port}/direct")
        assert fake.seen == []
        await GuardedHttp(use_proxies=True).get(f"http://127.0.0.1:{port}/proxied", private=True)
    assert [seen.path for seen in fake.seen] == ["/proxied"]


async def test_a_proxy_is_never_asked_for_a_private_address(
    fake: FakeAuthorizationServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("https_proxy", fake.base)
    monkeypatch.delenv("no_proxy", raising=False)
    for host in ("169.254.169.254", "[::ffff:10.0.0.1]"):
        text = await message(f"https://{host}/", private=False, http=GuardedHttp(use_proxies=True))
        assert "may not be dialled" in text
    assert fake.seen == []
