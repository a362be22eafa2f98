"""A fake authorization server, and the client that speaks with it."""

from collections.abc import AsyncIterator

import pytest

from ambassador_server.downstream.authorization.oauth_client import DownstreamOAuthClient
from ambassador_server.guarded_http.requests import GuardedHttp
from tests.fakes.authorization_server import FakeAuthorizationServer, authorization_server
from tests.fakes.clock import ManualClock


@pytest.fixture
async def fake() -> AsyncIterator[FakeAuthorizationServer]:
    async with authorization_server() as server:
        yield server


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def client(clock: ManualClock) -> DownstreamOAuthClient:
    return DownstreamOAuthClient(GuardedHttp(), clock)
