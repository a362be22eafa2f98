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
    """Serves a discovery document and keys; `asked` counts the requests for keys."""

    keys: list[dict[str, Any]] = field(default_factory=lambda: [RSA.public()])
    url: str = ""
    document: Mapping[str, Any] | None = None
    status: int = 200
    padding: int = 0
    asked: int = 0
    wait: asyncio.Event | None = None
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def discovery(self, _: web.Request) -> web.Response:
        """Answer with the discovery document."""
        document = self.document or {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
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


@asynccontextmanager
async def issuer_server() -> AsyncIterator[IssuerServer]:
    """Run an issuer on a free port of this machine."""
    server = IssuerServer()
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", server.discovery)
    app.router.add_get("/keys", server.key_set)
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
