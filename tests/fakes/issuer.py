"""An issuer of tokens: keys, signed tokens, and a server for its documents, which can be slow, gone or large."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "https://ambassador.example.com/mcp"

_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_EC = ec.generate_private_key(ec.SECP256R1())
_ED = ed25519.Ed25519PrivateKey.generate()


@dataclass
class SigningKey:
    """A private key, its name and its algorithm."""

    key_id: str
    algorithm: str
    key: Any

    def public(self, **more: Any) -> dict[str, Any]:
        """Return the public key as it is in a key set."""
        kinds: Mapping[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
        public = kinds[self.algorithm].to_jwk(self.key.public_key(), as_dict=True)
        return {**public, "kid": self.key_id, "alg": self.algorithm, "use": "sig", **more}


RSA = SigningKey("rsa-1", "RS256", _RSA)
OTHER_RSA = SigningKey("rsa-2", "RS256", _OTHER_RSA)
EC = SigningKey("ec-1", "ES256", _EC)
ED = SigningKey("ed-1", "EdDSA", _ED)


def sign(
    claims: Mapping[str, Any], key: SigningKey = RSA, *, headers: Mapping[str, Any] | None = None, **more: Any
) -> str:
    """Return a token with these claims."""
    named = {"kid": key.key_id, **(headers or {})}
    return jwt.encode({**claims, **more}, key.key, algorithm=key.algorithm, headers=named)


def claims_of(url: str, now: datetime | None = None, **changes: Any) -> dict[str, Any]:
    """Return the claims of a good token for alice; None takes a claim away."""
    seconds = int((now or datetime.now(UTC)).timestamp())
    claims = {
        "iss": url,
        "aud": AUDIENCE,
        "sub": "subject-1",
        "preferred_username": "alice",
        "email": "alice@example.com",
        "groups": ["eng"],
        "iat": seconds,
        "exp": seconds + 300,
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


@dataclass
class IssuerServer:
    """Serves a discovery document, keys, and answers about tokens; `asked` counts the requests for keys.

    `answers` has what is said of each token, as an object or as the text of the body; of others, that they are not
    active. `questions` has the headers and the form of each question.
    """

    keys: list[dict[str, Any]] = field(default_factory=lambda: [RSA.public()])
    url: str = ""
    document: Mapping[str, Any] | None = None
    status: int = 200
    padding: int = 0
    asked: int = 0
    wait: asyncio.Event | None = None
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)
    answers: dict[str, Any] = field(default_factory=dict)
    questions: list[tuple[Mapping[str, str], Mapping[str, str]]] = field(default_factory=list)
    location: str | None = None

    async def discovery(self, _: web.Request) -> web.Response:
        """Answer with the discovery document."""
        document = self.document or {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "introspection_endpoint": f"{self.url}/introspect",
        }
        return web.json_response(document, status=self.status)

    async def key_set(self, _: web.Request) -> web.Response:
        """Answer with the keys."""
        self.asked += 1
        self.was_asked.set()
        if self.wait is not None:
            await self.wait.wait()
        return web.Response(
            text=json.dumps({"keys": self.keys, "padding": "x" * self.padding}), status=self.status
        )

    async def introspect(self, request: web.Request) -> web.Response:
        """Answer whether a token is active."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.questions.append((dict(request.headers), form))
        self.was_asked.set()
        if self.wait is not None:
            await self.wait.wait()
        if self.location is not None:
            raise web.HTTPTemporaryRedirect(self.location)
        answer = self.answers.get(form.get("token", ""), {"active": False})
        text = answer if isinstance(answer, str) else json.dumps({**answer, "padding": "x" * self.padding})
        return web.Response(text=text, status=self.status, content_type="application/json")


@asynccontextmanager
async def issuer_server() -> AsyncIterator[IssuerServer]:
    """Run an issuer on a free port of this machine."""
    server = IssuerServer()
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", server.discovery)
    app.router.add_get("/keys", server.key_set)
    app.router.add_post("/introspect", server.introspect)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    _, port = runner.addresses[0]
    server.url = f"http://127.0.0.1:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()
