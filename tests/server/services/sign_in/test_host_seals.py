"""What is sealed is opened for its own purpose, issuer and time alone."""

from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from ambassador_server.crypto.sealing import AesGcmSealer
from ambassador_server.domain.people.host_requests import HostCode, HostRequest, Visit
from ambassador_server.services.sign_in.host_seals import (
    CODE_VALID_FOR,
    VALID_FOR,
    HostSeals,
    digest_of,
    is_browser,
    use_of,
)
from ambassador_server.services.sign_in.host_servers import HostServer
from tests.conformance import store_samples
from tests.fakes.clock import ManualClock

REDIRECT = "https://vscode.dev/redirect"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def seals(clock: ManualClock) -> HostSeals:
    return HostSeals(AesGcmSealer({1: b"x" * 32}), clock)


@pytest.fixture
def server() -> HostServer:
    issuer = replace(store_samples.issuer(), host_client_id="hosts", host_redirects=(REDIRECT,))
    at = "https://mcp.example.com"
    return HostServer(issuer=issuer, identifier=f"{at}/oauth/hosts/x", resource=f"{at}/mcp")


def all_kinds(seals: HostSeals, server: HostServer) -> tuple[HostRequest, Visit, HostCode]:
    request = HostRequest(
        request_id="one",
        issuer_id=server.issuer.issuer_id,
        issuer=server.issuer.url,
        client_id="hosts",
        redirect_uri=REDIRECT,
        challenge="c" * 43,
        state=None,
        scopes=(),
        cookie="its name",
        browser=digest_of("its value"),
        expires_at=seals.ends(VALID_FOR),
    )
    visit = Visit(request=request, verifier="v")
    return request, visit, HostCode(visit=visit, code="code", expires_at=seals.ends(CODE_VALID_FOR))


def test_each_is_opened_for_its_purpose_alone(seals: HostSeals, server: HostServer) -> None:
    values: list[Any] = [*all_kinds(seals, server)]
    for value in values:
        sealed = seals.seal(value)
        assert "code" not in sealed
        for kind in (HostRequest, Visit, HostCode):
            found = seals.open(sealed, kind, server)
            assert found == (value if kind is type(value) else None)
    assert len({use_of(each)[0] for each in values[1:]}) == 2


def test_each_ends(seals: HostSeals, server: HostServer, clock: ManualClock) -> None:
    request, visit, code = all_kinds(seals, server)
    sealed = seals.seal(request), seals.seal(visit), seals.seal(code)
    clock.advance(CODE_VALID_FOR.total_seconds() - 1)
    assert seals.open(sealed[2], HostCode, server) is not None
    clock.advance(1)
    assert seals.open(sealed[2], HostCode, server) is None
    clock.advance((VALID_FOR - CODE_VALID_FOR).total_seconds() - 1)
    assert seals.open(sealed[1], Visit, server) is not None
    clock.advance(1)
    assert seals.open(sealed[1], Visit, server) is None
    assert seals.open(sealed[0], HostRequest, server) is None


def test_none_is_opened_for_another_or_a_changed_issuer(seals: HostSeals, server: HostServer) -> None:
    for value in all_kinds(seals, server):
        sealed = seals.seal(value)
        for changes in (
            {"issuer_id": "another"},
            {"url": "https://other.example.com"},
            {"host_client_id": "another"},
            {"host_redirects": ()},
        ):
            changed = structs_like(server, **changes)
            assert seals.open(sealed, type(value), changed) is None


def test_a_browser_is_that_of_its_cookie(seals: HostSeals, server: HostServer) -> None:
    request, *_ = all_kinds(seals, server)
    assert is_browser({"its name": "its value", "other": "x"}, request)
    assert not is_browser({}, request)
    assert not is_browser({"other": "its value"}, request)
    assert not is_browser({"its name": "other"}, request)
    assert not is_browser({"its name": "its value"}, structs.replace(request, browser=""))


def structs_like(server: HostServer, **changes: Any) -> HostServer:
    return replace(server, issuer=replace(server.issuer, **changes))
