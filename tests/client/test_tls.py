"""Certificate verification against a real TLS server."""

import hashlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ambassador_client.account.tls import ssl_context
from ambassador_client.errors import SettingsError, UntrustedCertificateError
from ambassador_client.link.http_client import HttpClient, HttpRequest
from tests.client.certificates import make_server_identities, make_server_identity
from tests.client.fake_server import FakeServer, running_server
from tests.client.host import environment, host


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    return tmp_path / "ca.pem"


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[FakeServer]:
    context, _ = make_server_identity(tmp_path)
    async with running_server(context) as running:
        yield running


async def status(url: str, context: ssl.SSLContext) -> int:
    client = HttpClient(url, context)
    try:
        return (await client.fetch(HttpRequest("GET", "/v1/tools", []))).status
    finally:
        client.close()


async def test_the_ca_in_the_file_is_trusted(secure: FakeServer, ca_file: Path):
    assert await status(secure.url, ssl_context(ca_file=ca_file)) == 401


async def test_an_unknown_ca_is_not_trusted(secure: FakeServer):
    with pytest.raises(UntrustedCertificateError) as caught:
        await status(secure.url, ssl_context(ca_file=None))
    assert str(caught.value).startswith(f"AMB-5002 the certificate of {secure.url} is not trusted: ")
    assert "MCP_AMBASSADOR_CA_FILE" in str(caught.value)


async def test_a_certificate_for_another_name_is_not_trusted(secure: FakeServer, ca_file: Path):
    with pytest.raises(UntrustedCertificateError):
        await status(secure.url.replace("127.0.0.1", "localhost"), ssl_context(ca_file=ca_file))


async def test_self_signed_certificates_are_accepted_only_if_allowed(secure: FakeServer):
    assert await status(secure.url, ssl_context(ca_file=None, allow_self_signed=True)) == 401


def test_old_tls_versions_are_refused():
    assert ssl_context(ca_file=None).minimum_version == ssl.TLSVersion.TLSv1_2
    assert ssl_context(ca_file=None, allow_self_signed=True).minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_ca_file_without_certificate_is_refused(tmp_path: Path):
    path = tmp_path / "not.pem"
    path.write_text("hello")
    with pytest.raises(SettingsError, match="contains no PEM certificate"):
        ssl_context(ca_file=path)
    with pytest.raises(SettingsError, match="cannot read the CA file"):
        ssl_context(ca_file=tmp_path / "missing")


async def test_the_proxy_speaks_tls(secure: FakeServer, ca_file: Path, state: Path):
    async with host(environment(secure.url, state, MCP_AMBASSADOR_CA_FILE=str(ca_file))) as proxy:
        assert "result" in await proxy.call("echo")
        assert await proxy.leave() == 0
    assert len(secure.disconnected) == 1


async def test_a_renewed_certificate_of_the_same_ca_is_accepted(tmp_path: Path, state: Path):
    (old, new), ca_file = make_server_identities(tmp_path, 2)
    trusting = {"MCP_AMBASSADOR_CA_FILE": str(ca_file)}
    async with (
        running_server(old) as server,
        host(environment(server.url, state, **trusting)) as proxy,
    ):
        assert "result" in await proxy.call("echo")
        await server.stop()
        server.tls = new
        await server.start()
        assert "result" in await proxy.request("tools/list")
        assert "result" in await proxy.call("echo")
        assert proxy.errors == ""


async def test_a_corrected_ca_file_is_read_again(tmp_path: Path, state: Path):
    context, ca_file = make_server_identity(tmp_path)
    right = ca_file.read_bytes()
    other = tmp_path / "other"
    other.mkdir()
    make_server_identity(other)
    ca_file.write_bytes((other / "ca.pem").read_bytes())
    async with (
        running_server(context) as server,
        host(environment(server.url, state, MCP_AMBASSADOR_CA_FILE=str(ca_file))) as proxy,
    ):
        await proxy.initialize()
        assert (await proxy.request("tools/list"))["error"]["message"].startswith("AMB-5002 ")
        ca_file.write_bytes(right)
        await proxy.until(lambda: bool(proxy.notifications))
        assert "result" in await proxy.request("tools/list")


async def test_a_pinned_server_that_starts_later_is_trusted(tmp_path: Path, state: Path):
    context, _ = make_server_identity(tmp_path)
    pem = (tmp_path / "server-0.pem").read_text()
    der = ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERTIFICATE") :])
    async with running_server(context) as server:
        await server.stop()
        env = environment(server.url, state, MCP_AMBASSADOR_FINGERPRINT=hashlib.sha256(der).hexdigest())
        async with host(env) as proxy:
            await proxy.initialize()
            assert (await proxy.request("tools/list"))["error"]["message"].startswith("AMB-5001 ")
            await server.start()
            await proxy.until(lambda: bool(proxy.notifications))
            assert "result" in await proxy.call("echo")


async def test_the_proxy_reports_an_untrusted_certificate(secure: FakeServer, state: Path):
    async with host(environment(secure.url, state)) as proxy:
        error = (await proxy.call("echo"))["error"]
        assert error["code"] == -31004
        assert error["message"].startswith("AMB-5002 ")
        assert await proxy.leave() == 0
    assert secure.registrations == []


async def test_the_proxy_warns_if_any_certificate_is_accepted(secure: FakeServer, state: Path):
    async with host(environment(secure.url, state, MCP_AMBASSADOR_ALLOW_SELF_SIGNED="true")) as proxy:
        assert "result" in await proxy.call("echo")
        assert "any certificate is accepted" in proxy.errors


async def test_http_to_a_tls_port_is_explained(secure: FakeServer, state: Path):
    async with host(environment(secure.url.replace("https", "http"), state)) as proxy:
        error = (await proxy.call("echo"))["error"]
        assert error["message"].startswith("AMB-500")


async def test_https_to_a_plain_port_is_explained(server: FakeServer, state: Path):
    async with host(environment(server.url.replace("http", "https"), state)) as proxy:
        error = (await proxy.call("echo"))["error"]
        assert error["message"].startswith("AMB-5001 cannot reach https://127.0.0.1")
        assert "TLS failed" in error["message"]
