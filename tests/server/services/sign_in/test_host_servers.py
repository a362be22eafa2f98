"""Each issuer with a client for hosts is an authorization server below the public URL, also one with a path."""

from types import SimpleNamespace
from typing import Any

import pytest

from ambassador_server.errors import NotFoundError
from ambassador_server.services.sign_in.host_servers import HostServers
from tests.conformance import store_samples


def servers(public_url: str | None) -> HostServers:
    issuers = [
        store_samples.issuer(1, host_client_id="hosts", scopes=("a",), host_scopes=("b", "a")),
        store_samples.issuer(2),
    ]
    by_id = {each.issuer_id: each for each in issuers}
    policy: Any = SimpleNamespace(snapshot=SimpleNamespace(issuers=SimpleNamespace(by_id=by_id)))
    return HostServers(policy=policy, public_url=public_url, path="/oauth/hosts", resource_path="/mcp")


@pytest.mark.parametrize("url", ["https://mcp.example.com", "https://example.com/gateway/"])
def test_identifiers_are_below_the_public_url(url: str) -> None:
    found, base = servers(url).named("issuer-1"), url.rstrip("/")
    assert found.identifier == f"{base}/oauth/hosts/issuer-1"
    assert found.callback == f"{base}/oauth/hosts/issuer-1/callback"
    assert found.resource == f"{base}/mcp"
    assert found.scopes == ("a", "b")
    path = found.identifier.partition("example.com")[2]
    assert servers(url).at(path) == found
    for other in ("", "/", f"{path}/", path[:-1], path.upper(), f"/x{path}"):
        assert servers(url).at(other) is None


def test_an_issuer_without_such_a_client_and_a_server_without_a_url_have_none() -> None:
    for url, name in (("https://mcp.example.com", "issuer-2"), (None, "issuer-1"), ("https://a", "unknown")):
        with pytest.raises(NotFoundError):
            servers(url).named(name)
    assert servers(None).at("/oauth/hosts/issuer-1") is None
