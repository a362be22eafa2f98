"""A provider of sign-ins that keeps the standards until a test makes one of its answers hostile.

It has a thread of its own, so that commands can be run beside it.
"""

import asyncio
import base64
import json
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from tests.fakes.issuer import RSA, claims_of, sign

CLIENT = "commands"
ESCAPES = "no\x1b]0;owned\x07\x1b[31m\r\nAMB-0000 all is well\u202e\x9b2J"
"""Words that would change the title of a terminal, its colours, and the line above."""

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class HostileProvider:
    """`document`, `callback`, `claims`, `tokens` and `device` are changes of what it sends; None takes a member away.

    `answers` has what a path answers instead; `polls` has the errors of the next questions about a device, `forms`
    what was posted.
    """

    url: str = ""
    user: str = "alice"
    document: dict[str, Any] = field(default_factory=dict)
    callback: dict[str, str | None] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    tokens: dict[str, Any] = field(default_factory=dict)
    device: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    polls: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    before_redirect: Callable[[str, str], None] | None = None
    _asked: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def forget(self) -> None:
        """Keep the standards again."""
        url, user = self.url, self.user
        vars(self).update(vars(HostileProvider(url=url, user=user)))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer any request."""
        if request.path in self.answers:
            return await self.answers[request.path](request)
        match request.path:
            case "/.well-known/openid-configuration":
                return web.json_response(_changed(self._document(), self.document))
            case "/keys":
                return web.json_response({"keys": [RSA.public()]})
            case "/authorize":
                return await self._authorize(request)
            case "/device":
                return await self._begin_device(request)
            case "/token":
                return await self._token(request)
        return web.json_response({"error": "not_found"}, status=404)

    def _document(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "device_authorization_endpoint": f"{self.url}/device",
            "authorization_response_iss_parameter_supported": True,
        }

    async def _authorize(self, request: web.Request) -> web.StreamResponse:
        asked = dict(request.query)
        self._asked["code"] = asked
        redirect = asked["redirect_uri"]
        if self.before_redirect is not None:
            await asyncio.to_thread(self.before_redirect, redirect, asked["state"])
        sent = _changed({"code": "code", "state": asked["state"], "iss": self.url}, self.callback)
        raise web.HTTPFound(f"{redirect}?{urlencode(sent)}")

    async def _begin_device(self, request: web.Request) -> web.StreamResponse:
        self._asked["device"] = await self._form(request)
        begun = {
            "device_code": "device",
            "user_code": "ABCD-EFGH",
            "verification_uri": f"{self.url}/enter",
            "expires_in": 300,
            "interval": 1,
        }
        return web.json_response(_changed(begun, self.device))

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = await self._form(request)
        if "device_code" in form:
            if self.polls:
                return web.json_response({"error": self.polls.pop(0)}, status=400)
            return web.json_response(self._tokens(self._asked["device"]["nonce"]))
        # A code is good once, and only for the one who has asked for it (RFC 7636).
        asked = self._asked.pop(form["code"], None)
        if asked is None or asked["code_challenge"] != _digest(form["code_verifier"]):
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response(self._tokens(asked["nonce"]))

    async def _form(self, request: web.Request) -> dict[str, str]:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append(form)
        return form

    def _tokens(self, nonce: str) -> dict[str, Any]:
        claims = claims_of(self.url, aud=CLIENT, sub=self.user, preferred_username=self.user, nonce=nonce)
        tokens = {
            "access_token": "x",
            "token_type": "Bearer",
            "id_token": sign(_changed(claims, self.claims)),
        }
        return _changed(tokens, self.tokens)


def unsigned(claims: Mapping[str, Any]) -> str:
    """Return a token with `alg: none`."""
    parts = [{"alg": "none", "typ": "JWT"}, claims]
    return ".".join(_encoded(json.dumps(each).encode()) for each in parts) + "."


async def slow(request: web.Request) -> web.StreamResponse:
    """Answer one byte at a time, and never all of them."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.01)


async def large(request: web.Request) -> web.StreamResponse:
    """Answer 10 MB."""
    return web.json_response({"padding": "x" * 10_000_000})


async def html(request: web.Request) -> web.StreamResponse:
    """Answer with a page."""
    return web.Response(text="<h1>Hello</h1>", content_type="text/html")


async def gone(request: web.Request) -> web.StreamResponse:
    """Answer with an error of a gateway."""
    return web.Response(text="<h1>Bad gateway</h1>", content_type="text/html", status=502)


async def elsewhere(request: web.Request) -> web.StreamResponse:
    """Send those who ask, and what they have sent, to another place."""
    raise web.HTTPTemporaryRedirect("/stolen")


async def breaks_off(request: web.Request) -> web.StreamResponse:
    """Close the connection instead of answering."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@contextmanager
def hostile_provider() -> Iterator[HostileProvider]:
    """Run a provider on a free port of this machine."""
    provider = HostileProvider()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(_start(provider), loop).result()
    try:
        yield provider
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _start(provider: HostileProvider) -> web.AppRunner:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", provider.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    return runner


def _changed(members: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**members, **changes}.items() if value is not None}


def _digest(secret: str) -> str:
    return _encoded(sha256(secret.encode()).digest())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
