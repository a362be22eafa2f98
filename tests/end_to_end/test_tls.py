"""TLS with default settings: only a client that trusts the CA connects, and a TLS port refuses plain HTTP."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.faces import FACES, Face
from tests.end_to_end.raw_http import connected, head
from tests.end_to_end.world import Caller, World, assert_nothing_internal, end
from tests.rig import Rig

PORTS = ("port", "admin_port")


@pytest.fixture(scope="module")
def rig(directory: Path) -> Iterator[Rig]:
    rig = Rig(directory, is_preloaded=True)
    rig.init()
    try:
        rig.start()
        yield rig
    finally:
        end(rig)


@pytest.fixture(scope="module")
def trust(rig: Rig) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=rig.facts["ca_file"])


@pytest.fixture(scope="module")
def world(rig: Rig, trust: ssl.SSLContext) -> Iterator[World]:
    world = World(rig)
    with (
        httpx.Client(base_url=rig.client_url, verify=trust, trust_env=False) as world.http,
        httpx.Client(
            base_url=rig.admin_url,
            verify=trust,
            trust_env=False,
            headers={"X-Admin-Key": rig.facts["admin_key"]},
        ) as world.admin,
    ):
        world.ask("POST", "groups", {"name": "developers"})
        world.publish_fixture("pipe")
        yield world


@pytest.fixture(scope="module")
def caller(world: World) -> Caller:
    return world.caller()


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_calls_work_with_the_ca_that_init_names(caller: Caller, face: Face) -> None:
    assert caller.call(face, "pipe__echo", {"text": "sealed"}).text == "sealed"


def test_ca_can_be_fetched_and_is_the_one_init_names(rig: Rig, world: World) -> None:
    for client in (world.http, world.admin):
        assert client.get("/v1/trust/ca.pem").text == Path(rig.facts["ca_file"]).read_text()


def test_browsers_are_told_to_stay_on_tls(caller: Caller) -> None:
    assert "max-age=" in caller.http.get("/health").headers["Strict-Transport-Security"]


@pytest.mark.parametrize("port", PORTS)
def test_client_without_the_ca_cannot_connect(rig: Rig, port: str) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"https://127.0.0.1:{rig.ports[port]}/health", trust_env=False)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "evil.example"])
def test_certificate_is_valid_only_for_the_names_of_this_server(
    rig: Rig, trust: ssl.SSLContext, name: str
) -> None:
    with connected(rig.ports["port"]) as plain:
        if name == "evil.example":
            with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
                trust.wrap_socket(plain, server_hostname=name)
        else:
            with trust.wrap_socket(plain, server_hostname=name) as sealed:
                assert sealed.version() in ("TLSv1.2", "TLSv1.3")


@pytest.mark.parametrize("port", PORTS)
def test_plain_http_is_not_spoken_on_a_tls_port(rig: Rig, port: str) -> None:
    with connected(rig.ports[port]) as connection:
        connection.sendall(head("GET", "/health", {}))
        try:
            answer = connection.recv(4096)
        except ConnectionError:
            answer = b""
    assert b"HTTP/1.1 200" not in answer
    assert_nothing_internal(answer.decode("latin-1"))


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_outdated_tls_is_refused(rig: Rig, port: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with connected(rig.ports[port]) as plain, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(plain)


def test_unfinished_handshakes_delay_no_other_caller(rig: Rig, caller: Caller) -> None:
    stuck: list[socket.socket] = [
        socket.create_connection(("127.0.0.1", rig.ports["port"])) for _ in range(50)
    ]
    try:
        for connection in stuck:
            connection.sendall(b"\x16\x03\x01")
        for face in FACES:
            assert caller.call(face, "pipe__echo", {"text": "on"}).text == "on"
    finally:
        for connection in stuck:
            connection.close()


def test_tls_off_is_refused_except_on_loopback(rig: Rig, tmp_path: Path) -> None:
    flags = ("--data-dir", str(tmp_path), "--tls", "off", "--host", "0.0.0.0")
    refused = rig.run("ambassador-server", "serve", *flags, expect=2)
    assert "loopback" in refused.stderr
