"""A listener asks clients for certificates, and ends connections whose certificates are refused, also later."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from ambassador_server.crypto.certificates import ensure_certificates
from ambassador_server.crypto.listener_tls import ListenerTls
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.sign_in.refused_connections import RefusedConnections
from ambassador_server.web.listener_bounds import ConnectionBounds, ConnectionCounts
from ambassador_server.web.listeners import listen
from ambassador_server.web.peer_certificates import peer_certificate
from tests.authorities import HOUR, Authority, Identity, email, pem
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.clock import ManualClock
from tests.patience import PATIENCE

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class World:
    """A listener with its files."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.authority = Authority()
        self.own = ensure_certificates(directory / "certificates", ["localhost"])
        self.ca_file, self.crl_file = directory / "ca.pem", directory / "crl.pem"
        self.ca_file.write_text(self.authority.pem)

    def tls(self, *, required: bool = False, with_list: bool = False) -> ListenerTls:
        files = self.own.certificate_file, self.own.key_file
        crl_file = self.crl_file if with_list else None
        return ListenerTls(files, ca_file=self.ca_file, crl_file=crl_file, required=required)

    def client(self, who: Identity | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.own.ca_file))
        if who is not None:
            context.load_cert_chain(*who.files(self.directory, "client"))
        return context


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@asynccontextmanager
async def serving(tls: ListenerTls, refused: RefusedConnections | None = None) -> AsyncIterator[int]:
    async def answer(request: web.Request) -> web.Response:
        peer = peer_certificate(request)
        return web.Response(text="nobody" if peer is None else peer.names[0][1])

    app = web.Application()
    app.router.add_get("/", answer)
    bounds, counts = ConnectionBounds(total=20, per_address=20), ConnectionCounts()
    listener = await listen(
        app,
        host="127.0.0.1",
        port=0,
        tls=tls,
        drain_seconds=0.1,
        bounds=bounds,
        counts=counts,
        refused=refused,
    )
    try:
        yield listener.port
    finally:
        await listener.close()


class Connection:
    """One open connection of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self) -> str:
        """Return the body of an answer; raises OSError or EOFError when the server has closed the connection."""
        async with asyncio.timeout(PATIENCE):
            self._writer.write(REQUEST)
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            return (await self._reader.readexactly(length)).decode()

    async def is_closed(self) -> bool:
        async with asyncio.timeout(PATIENCE):
            try:
                return await self._reader.read(1) == b""
            except OSError:
                return True


@asynccontextmanager
async def connected(port: int, context: ssl.SSLContext) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname="localhost"
    )
    try:
        yield Connection(reader, writer)
    finally:
        writer.transport.abort()


async def refusal(port: int, context: ssl.SSLContext) -> str:
    """Return why a client was refused, which TLS tells only those that read."""
    return await asyncio.to_thread(_refusal, port, context)


def _refusal(port: int, context: ssl.SSLContext) -> str:
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            connection.sendall(REQUEST)
            answer = connection.recv(4096).decode()
    except OSError as error:
        return str(error).lower().replace("_", " ")
    assert answer == "" or answer.startswith("HTTP/1.1 401 "), "the client was served"
    return answer


ALICE = email("alice@acme.example")


async def test_requests_learn_the_certificate_that_the_client_has_proved(world: World) -> None:
    below = Authority("Engineers", world.authority)
    async with serving(world.tls()) as port:
        for who, name in (
            (None, "nobody"),
            (world.authority.issue(ALICE), "alice@acme.example"),
            (below.issue(email("bob@acme.example")), "bob@acme.example"),
        ):
            async with connected(port, world.client(who)) as connection:
                assert [await connection.ask() for _ in range(2)] == [name, name]


@pytest.mark.parametrize("required", [False, True])
async def test_bad_certificates_end_the_connection(world: World, required: bool) -> None:
    world.crl_file.write_bytes(pem(world.authority.revocations()))
    revoked = world.authority.issue(ALICE)
    world.crl_file.write_bytes(pem(world.authority.revocations(revoked)))
    bad = {
        "not_for_clients": world.authority.issue(ALICE, usage=None),
        "expired": world.authority.issue(ALICE, begins=-2 * HOUR, ends=-HOUR),
        "revoked": revoked,
        "alert unknown ca": Authority("Others").issue(ALICE),
    }
    async with serving(world.tls(required=required, with_list=True)) as port:
        for text, who in bad.items():
            assert text in await refusal(port, world.client(who))
        if required:
            assert "alert certificate required" in await refusal(port, world.client(None))


async def test_a_required_certificate_is_also_needed_without_the_newest_tls(world: World) -> None:
    context = world.client(None)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with serving(world.tls(required=True)) as port:
        assert "alert handshake failure" in await refusal(port, context)


async def test_refused_connections_are_recorded_once_a_minute_of_each_address_and_reason(
    world: World,
) -> None:
    log, clock = FakeAuditLog(), ManualClock()
    refused = RefusedConnections(recorder=Recorder(log=log, clock=clock), clock=clock)
    strangers = world.client(Authority("Others").issue(ALICE))
    world.crl_file.write_bytes(pem(world.authority.revocations()))
    tls, who = world.tls(required=True, with_list=True), world.authority.issue(ALICE)

    async def reasons(count: int) -> list[str]:
        for _ in range(1000):  # turns of the loop, in which the log gets them
            if len(log.events) < count:
                await asyncio.sleep(0)
        assert {(each.action, each.outcome, each.actor.kind) for each in log.events} <= {
            ("session:token:refuse", "denied", "unknown")
        }
        return sorted(str(each.reason) for each in log.events)

    async with serving(tls, refused) as port:
        for _ in range(5):
            await refusal(port, world.client(None))
            await refusal(port, strangers)
            await refusal(port, world.client(world.authority.issue(ALICE, usage=None)))
        expected = ["certificate_required", "not_for_clients", "unknown_authority"]
        assert await reasons(3) == expected
        async with connected(port, world.client(who)) as connection:
            await connection.ask()
            CHANGES["revoked"](world, who)
            await tls.follow()
            assert await connection.is_closed()
        assert await reasons(4) == sorted([*expected, "revoked"])
        clock.advance(60)
        await refusal(port, strangers)
        assert await reasons(5) == sorted([*expected, "revoked", "unknown_authority"])
        # What is no refusal of a certificate is not recorded.
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        async with asyncio.timeout(PATIENCE):
            await reader.read()
        writer.close()
        assert len(log.events) == 5
        assert {each.source for each in log.events} == {"127.0.0.1"}


def test_many_addresses_cannot_fill_the_audit() -> None:
    clock = ManualClock()
    refused = RefusedConnections(recorder=Recorder(log=FakeAuditLog(), clock=clock), clock=clock)
    due = [refused.is_due(f"192.0.2.{number}", "unknown_authority") for number in range(250)]
    assert sum(due) == 100
    clock.advance(60)
    assert refused.is_due("192.0.2.1", "unknown_authority")


Change = Callable[[World, Identity], None]
CHANGES: dict[str, Change] = {
    "revoked": lambda world, who: _replace(world.crl_file, pem(world.authority.revocations(who))),
    "expired list": lambda world, who: _replace(
        world.crl_file, pem(world.authority.revocations(begins=-2 * HOUR, ends=-HOUR))
    ),
    "garbage": lambda world, who: _replace(world.crl_file, b"garbage"),
    "no list": lambda world, who: world.crl_file.unlink(),
    "other authority": lambda world, who: _replace(world.ca_file, Authority("Others").pem.encode()),
}


def _replace(file: Path, content: bytes) -> None:
    new = file.with_suffix(".new")
    new.write_bytes(content)
    new.replace(file)


@pytest.mark.parametrize("what", CHANGES)
async def test_changed_files_end_open_connections_and_refuse_new_ones(
    world: World, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.crl_file.write_bytes(pem(world.authority.revocations()))
    tls, who = world.tls(with_list=True), world.authority.issue(ALICE)
    async with serving(tls) as port, connected(port, world.client(None)) as without:
        async with connected(port, world.client(who)) as connection:
            assert await connection.ask() == "alice@acme.example"
            CHANGES[what](world, who)
            await tls.follow()
            assert await connection.is_closed()
        await refusal(port, world.client(who))
        assert await without.ask() == "nobody"
        if what in ("garbage", "no list", "expired list"):
            assert "Certificates are refused until the file is replaced" in caplog.text
            _replace(world.crl_file, pem(world.authority.revocations()))
            await tls.follow()
            async with connected(port, world.client(who)) as connection:
                assert await connection.ask() == "alice@acme.example"


async def test_sessions_are_not_resumed_past_the_verification(world: World) -> None:
    async with serving(world.tls()) as port:
        context = world.client(world.authority.issue(ALICE))
        async with connected(port, context) as connection:
            await connection.ask()
            assert not connection._writer.get_extra_info("ssl_object").session_reused
        assert context.session_stats()["hits"] == 0
