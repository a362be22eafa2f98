"""Every line that is written below a request has the id of its answer, on one connection and on the next request."""

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from ambassador_protocol.paths import REQUEST_ID_HEADER
from ambassador_server.domain.shared.running_request import running_request_id
from ambassador_server.web.app_keys import SETTINGS, WebSettings
from ambassador_server.web.middleware.entry import entry_middleware
from ambassador_server.web.middleware.origin import add_response_headers


@pytest.fixture
async def client() -> TestClient[web.Request, web.Application]:
    async def handle(request: web.Request) -> web.Response:
        if "fail" in request.query:
            raise ValueError("oh")
        return web.Response(text=str(running_request_id()))

    app = web.Application(middlewares=[entry_middleware])
    app[SETTINGS] = WebSettings(
        allowed_hosts=frozenset({"127.0.0.1"}),
        cors_origins=frozenset(),
        legacy_sse=False,
        max_body_bytes=1024,
        tls=False,
        public_url="",
        ca_pem=None,
        configuration=(),
        connections={},
    )
    app.on_response_prepare.append(add_response_headers)
    app.router.add_get("/", handle)
    return TestClient(TestServer(app))


async def test_the_id_is_that_of_the_answer(client: TestClient[web.Request, web.Application]) -> None:
    async with client:
        for _ in range(2):
            answer = await client.get("/")
            assert await answer.text() == answer.headers[REQUEST_ID_HEADER]
        assert running_request_id() is None


async def test_an_unexpected_error_is_told_with_its_id(
    client: TestClient[web.Request, web.Application],
) -> None:
    seen: list[str | None] = []

    def keep(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        seen.append(running_request_id())
        raise structlog.DropEvent

    structlog.configure(processors=[keep])
    try:
        async with client:
            answer = await client.get("/?fail")
            assert answer.status == 500
            assert seen == [answer.headers[REQUEST_ID_HEADER]]
    finally:
        structlog.reset_defaults()
