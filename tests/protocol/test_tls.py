"""A certificate that a person named is trusted by the same rule on every version of Python."""

import ast
import asyncio
import ssl
from pathlib import Path

import pytest

from ambassador_protocol.tls import client_context
from tests.architecture.test_sizes import ROOT, sources
from tests.client.certificates import make_server_identity


async def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> str | None:
    """Return the protocol that both agree on; raises ssl.SSLError where the client refuses."""
    async with await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=server
    ) as listening:
        port = listening.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client)
        version: str | None = writer.get_extra_info("ssl_object").version()
        writer.close()
        await writer.wait_closed()
        return version


@pytest.mark.parametrize("lax", [False, True])
async def test_a_named_ca_is_trusted_with_and_without_a_key_usage(tmp_path: Path, lax: bool) -> None:
    server, ca_file = make_server_identity(tmp_path, lax=lax)
    assert await shake_hands(server, client_context(cafile=ca_file)) == "TLSv1.3"
    assert await shake_hands(server, client_context(cadata=ca_file.read_text())) == "TLSv1.3"
    strict = client_context(cafile=ca_file)
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    if lax:
        with pytest.raises(ssl.SSLCertVerificationError, match="key usage"):
            await shake_hands(server, strict)
    else:
        assert await shake_hands(server, strict) == "TLSv1.3"


async def test_the_certificate_of_the_server_itself_can_be_named(tmp_path: Path) -> None:
    server, _ = make_server_identity(tmp_path)
    pem = (tmp_path / "server-0.pem").read_text()
    own = pem[pem.index("-----BEGIN CERTIFICATE") :]
    assert await shake_hands(server, client_context(cadata=own)) == "TLSv1.3"


async def test_no_other_certificate_is_trusted(tmp_path: Path) -> None:
    server, _ = make_server_identity(tmp_path)
    (tmp_path / "other").mkdir()
    _, other = make_server_identity(tmp_path / "other")
    for context in (client_context(), client_context(cafile=other)):
        with pytest.raises(ssl.SSLCertVerificationError):
            await shake_hands(server, context)
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_no_program_makes_a_default_context_of_its_own() -> None:
    own = {
        path.relative_to(ROOT).as_posix()
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "create_default_context"
    }
    assert own == {"ambassador_protocol/tls.py"}
