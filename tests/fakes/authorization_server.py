"""An authorization server with an MCP beside it, which keeps the standards until a test makes it break them."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from aiohttp import web
from yarl import URL

Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]
RESOURCE = "/.well-known/oauth-protected-resource"
SERVER = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"


@dataclass
class Seen:
    """One request that has arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class FakeAuthorizationServer:
    """Its documents are dictionaries that tests change; `scripts` holds what a path does instead of its work."""

    base: str = ""
    resource: dict[str, Any] = field(default_factory=dict)
    server: dict[str, Any] = field(default_factory=dict)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    scripts: dict[str, list[Behaviour]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    clients: dict[str, dict[str, Any]] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    refresh_tokens: dict[str, str] = field(default_factory=dict)
    revoked: list[str] = field(default_factory=list)
    device_answers: list[str] = field(default_factory=list)
    issued: set[str] = field(default_factory=set)
    demanded: str = "read"
    rotates: bool = True
    counter: int = 0

    @property
    def mcp(self) -> str:
        return f"{self.base}/mcp"

    def describe(self, base: str) -> None:
        """Fill the documents for a server at this URL."""
        self.base = base
        self.resource = {
            "resource": self.mcp,
            "authorization_servers": [base],
            "scopes_supported": ["read", "write"],
        }
        self.server = {
            "issuer": base,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "registration_endpoint": f"{base}/register",
            "revocation_endpoint": f"{base}/revoke",
            "device_authorization_endpoint": f"{base}/device",
            "scopes_supported": ["read", "write", "admin"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "none"],
            "grant_types_supported": [
                "authorization_code",
                "refresh_token",
                "urn:ietf:params:oauth:grant-type:device_code",
            ],
            "authorization_response_iss_parameter_supported": True,
        }
        self.documents = {f"{RESOURCE}/mcp": self.resource, SERVER: self.server}

    def script(self, path: str, *behaviours: Behaviour) -> None:
        """Let the next requests to a path be answered in these ways."""
        self.scripts.setdefault(path, []).extend(behaviours)

    def sent_to(self, path: str) -> list[Seen]:
        """Return the requests that a path has had."""
        return [each for each in self.seen if each.path == path]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer any request."""
        body = await request.read()
        self.seen.append(Seen(request.method, request.path, dict(request.query), dict(request.headers), body))
        waiting = self.scripts.get(request.path)
        return await waiting.pop(0)(request) if waiting else self._work(request)

    def _work(self, request: web.Request) -> web.Response:
        if request.path in self.documents:
            return web.json_response(self.documents[request.path])
        match request.path:
            case "/register":
                return self._register()
            case "/authorize":
                return self._authorize(request)
            case "/device":
                return web.json_response(self._device())
            case "/mcp":
                return self._mcp(request)
            case "/revoke":
                self.revoked.append(self.seen[-1].form["token"])
                return web.Response()
            case "/token":
                return self._token()
            case _:
                return web.Response(status=404, text="<html>nothing here</html>", content_type="text/html")

    def _mcp(self, request: web.Request) -> web.Response:
        """Answer with the token, or demand one."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer" and token in self.issued:
            return web.json_response({"token": token})
        challenge = f'Bearer resource_metadata="{self.base}{RESOURCE}/mcp", scope="{self.demanded}"'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    def _register(self) -> web.Response:
        wanted = self.seen[-1].json
        client = {**wanted, "client_id": self._next("client")}
        if wanted["token_endpoint_auth_method"] != "none":
            client["client_secret"] = "se cret:%+" + self._next("x")
        self.clients[client["client_id"]] = client
        return web.json_response(client, status=201)

    def _authorize(self, request: web.Request) -> web.Response:
        """Consent at once, in the name of any user."""
        query = dict(request.query)
        code = self._next("code")
        self.codes[code] = query
        back = URL(query["redirect_uri"]).update_query(
            code=code, state=query["state"], iss=self.server["issuer"]
        )
        return web.Response(status=302, headers={"Location": str(back)})

    def _device(self) -> dict[str, Any]:
        return {
            "device_code": self._next("device"),
            "user_code": "WDJB-MJHT",
            "verification_uri": f"{self.base}/activate",
            "expires_in": 600,
            "interval": 5,
        }

    def _token(self) -> web.Response:
        form = self.seen[-1].form
        if self._client(form) is None:
            return _refuse("invalid_client", 401)
        match form["grant_type"]:
            case "authorization_code":
                asked = self.codes.pop(form["code"], None)
                if asked is None or asked["code_challenge"] != _s256(form["code_verifier"]):
                    return _refuse("invalid_grant")
                return self._issue(asked.get("scope", ""))
            case "refresh_token":
                scope = self.refresh_tokens.get(form["refresh_token"])
                if scope is None:
                    return _refuse("invalid_grant")
                if self.rotates:
                    del self.refresh_tokens[form["refresh_token"]]
                return self._issue(scope)
            case "urn:ietf:params:oauth:grant-type:device_code" if self.device_answers:
                return _refuse(self.device_answers.pop(0))
            case "urn:ietf:params:oauth:grant-type:token-exchange":
                kind = form["requested_token_type"]
                return web.json_response(
                    {"access_token": self._next("assertion"), "issued_token_type": kind, "token_type": "N_A"}
                )
            case _:
                return self._issue(form.get("scope", ""))

    def _issue(self, scope: str) -> web.Response:
        token = self._next("access")
        self.issued.add(token)
        answer = {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": 3600,
            "scope": scope,
        }
        if self.rotates:
            answer["refresh_token"] = self._next("refresh")
            self.refresh_tokens[answer["refresh_token"]] = scope
        return web.json_response(answer)

    def _client(self, form: Mapping[str, str]) -> dict[str, Any] | None:
        """Return the client that has authenticated as it was registered."""
        scheme, _, encoded = self.seen[-1].headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            name, _, secret = base64.b64decode(encoded).decode().partition(":")
            method, name, secret = "client_secret_basic", unquote_plus(name), unquote_plus(secret)
        elif "client_secret" in form:
            method, name, secret = "client_secret_post", form["client_id"], form["client_secret"]
        else:
            method, name, secret = "none", form.get("client_id", ""), ""
        client = self.clients.get(name)
        if client is None or client["token_endpoint_auth_method"] != method:
            return None
        return client if method == "none" or client["client_secret"] == secret else None

    def _next(self, word: str) -> str:
        self.counter += 1
        return f"{word}-{self.counter}"


def answer(
    body: object = None,
    status: int = 200,
    kind: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Behaviour:
    """Return a behaviour that sends one fixed answer."""
    text = body if isinstance(body, str) else json.dumps(body)

    async def send(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text, content_type=kind, headers=headers)

    return send


def refuse(code: str, status: int = 400) -> Behaviour:
    """Return a behaviour that refuses with an error of OAuth, whose description must never be shown."""
    return answer({"error": code, "error_description": DESCRIPTION}, status)


DESCRIPTION = "text-that-only-the-server-knows"


@asynccontextmanager
async def authorization_server() -> AsyncIterator[FakeAuthorizationServer]:
    """Run one on loopback."""
    fake = FakeAuthorizationServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.handle)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        fake.describe(f"http://127.0.0.1:{runner.addresses[0][1]}")
        yield fake
    finally:
        await runner.cleanup()


def _refuse(code: str, status: int = 400) -> web.Response:
    return web.json_response({"error": code, "error_description": DESCRIPTION}, status=status)


def _s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
