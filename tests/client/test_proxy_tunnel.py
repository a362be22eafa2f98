"""Networks in which servers are reached only through an HTTP proxy."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_client.account.proxy_tunnel import ProxyTunnel, tunnel_to
from ambassador_client.account.tls import ssl_context
from ambassador_client.errors import ClientError, SettingsError, UntrustedCertificateError
from ambassador_client.link.http_client import HttpClient, HttpLimits, HttpRequest
from tests.client.certificates import make_server_identity
from tests.client.fake_http_proxy import FakeProxy, fake_proxy
from tests.client.fake_server import FakeServer, running_server
from tests.client.host import environment, host

URL = "https://ambassador.example:8443"
SECRET = "us er:p@ss/é"


def tunnel_for(url: str = URL, **environ: str) -> ProxyTunnel | None:
    return tunnel_to(url, {"HTTPS_PROXY": "http://proxy:3128", **environ})


@pytest.mark.parametrize(
    "exceptions",
    [
        "*",
        "ambassador.example",
        "AMBASSADOR.example",
        ".example",
        "example",
        "*.example",
        "a, example ,b",
        "example:8443",
    ],
)
def test_servers_in_no_proxy_are_reached_directly(exceptions: str):
    assert tunnel_for(NO_PROXY=exceptions) is None
    assert tunnel_for(no_proxy=exceptions) is None


@pytest.mark.parametrize(
    "exceptions",
    ["", "mbassador.example", "other", "example:443", "example:\u00b2", "10.0.0.0/8", ",", ":8443"],
)
def test_other_servers_are_reached_through_the_proxy(exceptions: str):
    tunnel = tunnel_for(NO_PROXY=exceptions)
    assert tunnel is not None
    assert (tunnel.proxy, tunnel.host, tunnel.port) == ("http://proxy:3128", "ambassador.example", 8443)


@pytest.mark.parametrize(
    ("address", "exceptions"),
    [
        ("10.1.2.3", "10.0.0.0/8"),
        ("10.1.2.3", "10.1.2.3"),
        ("[fd00::1]", "fd00::/8"),
        ("[fd00::1]", "[fd00::1]:8443"),
    ],
)
def test_no_proxy_accepts_addresses_and_networks(address: str, exceptions: str):
    assert tunnel_for(f"https://{address}:8443", NO_PROXY=exceptions) is None
    assert tunnel_for(f"https://{address}:8443", NO_PROXY="192.168.0.0/16") is not None


@pytest.mark.parametrize(
    "url", ["https://localhost:1", "https://127.8.9.1:1", "https://[::1]:1", "http://127.0.0.1:1"]
)
def test_loopback_is_never_reached_through_a_proxy(url: str):
    assert tunnel_for(url) is None


def test_lower_case_variables_come_first_and_empty_ones_are_ignored():
    assert tunnel_for(https_proxy="http://small").proxy == "http://small:80"  # type: ignore[union-attr]
    assert tunnel_for(HTTPS_PROXY="") is None
    assert tunnel_for(HTTPS_PROXY="", ALL_PROXY="10.0.0.1:99").proxy == "http://10.0.0.1:99"  # type: ignore[union-attr]
    assert tunnel_for(HTTP_PROXY="http://other") == tunnel_for()
    assert tunnel_to(URL, {"HTTP_PROXY": "http://other"}) is None


@pytest.mark.parametrize(
    "wrong",
    [
        "socks5://u:secret@host:1",
        "https://u:secret@h",
        "http://u:secret@:1",
        "http://u:secret@h:x",
        "http://u:secret@h..x",
    ],
)
def test_an_unusable_proxy_is_reported_without_its_password(wrong: str):
    with pytest.raises(SettingsError) as caught:
        tunnel_for(HTTPS_PROXY=wrong)
    assert "HTTPS_PROXY" in str(caught.value)
    assert "secret" not in str(caught.value)


@given(value=st.text(max_size=30), exceptions=st.text(max_size=30))
def test_any_value_of_the_variables_is_parsed_or_refused(value: str, exceptions: str):
    try:
        tunnel = tunnel_for(HTTPS_PROXY=value, NO_PROXY=exceptions)
    except SettingsError:
        return
    assert tunnel is None or tunnel.proxy_host


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[FakeServer]:
    context, _ = make_server_identity(tmp_path)
    async with running_server(context) as running:
        yield running


async def status(proxy: FakeProxy, secure: FakeServer, ca_file: Path, user: str | None = None) -> int:
    tunnel = ProxyTunnel(
        f"http://127.0.0.1:{proxy.port}", "127.0.0.1", proxy.port, "127.0.0.1", secure.port, user
    )
    client = HttpClient(secure.url, ssl_context(ca_file=ca_file), HttpLimits(connect=5), dial=tunnel.dial)
    try:
        return (await client.fetch(HttpRequest("GET", "/v1/tools", []))).status
    finally:
        client.close()


async def test_the_certificate_of_the_server_is_checked_through_the_proxy(secure: FakeServer, tmp_path: Path):
    async with fake_proxy(secure.port) as proxy:
        assert await status(proxy, secure, tmp_path / "ca.pem") == 401
        assert proxy.wanted == [f"CONNECT 127.0.0.1:{secure.port} HTTP/1.1"]
        other = tmp_path / "other"
        other.mkdir()
        _, foreign = make_server_identity(other)
        with pytest.raises(UntrustedCertificateError):
            await status(proxy, secure, foreign)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n",
            "AMB-5001 the proxy http://127.0.0.1:* requires a user",
        ),
        (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "refused to connect to 127.0.0.1:* with HTTP 403"),
        (b"HTTP/1.1 200 OK\r\n\r\nearly", "sent data before the connection was used"),
        (b"SSH-2.0-x\r\n\r\n", "is not an HTTP proxy"),
        (b"", "is not an HTTP proxy"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1 << 20), "is not an HTTP proxy"),
    ],
)
async def test_a_refusing_proxy_is_explained(secure: FakeServer, tmp_path: Path, answer: bytes, told: str):
    async with fake_proxy(secure.port, answer=answer) as proxy:
        with pytest.raises(ClientError) as caught:
            await status(proxy, secure, tmp_path / "ca.pem")
    assert told.replace("*", "") in str(caught.value).replace(str(proxy.port), "").replace(
        str(secure.port), ""
    )


async def test_the_relay_works_through_a_proxy_with_a_password(
    secure: FakeServer, tmp_path: Path, state: Path
):
    """Only the proxy can resolve the name of the server."""
    async with fake_proxy(secure.port, password=SECRET) as proxy:
        url = secure.url.replace("127.0.0.1", "10.255.255.1")
        env = environment(
            url,
            state,
            HTTPS_PROXY=f"http://us%20er:p%40ss%2F%C3%A9@127.0.0.1:{proxy.port}",
            MCP_AMBASSADOR_ALLOW_SELF_SIGNED="true",
        )
        async with host(env) as running:
            assert "result" in await running.call("echo")
            assert await running.leave() == 0
        assert set(proxy.wanted) == {f"CONNECT 10.255.255.1:{secure.port} HTTP/1.1"}
        assert len(secure.disconnected) == 1
        env["HTTPS_PROXY"] = env["HTTPS_PROXY"].replace("%40ss", "wrong")
        async with host(env) as running:
            await running.initialize()
            error = (await running.request("tools/list"))["error"]
            assert error["message"].startswith(
                f"AMB-5001 the proxy http://127.0.0.1:{proxy.port} requires a user"
            )
            assert "wrong" not in running.errors + str(error)
            proxy.password = None
            await running.until(lambda: bool(running.notifications))
            assert "result" in await running.request("tools/list")
