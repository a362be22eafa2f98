"""An identity provider that exchanges its access tokens for identity assertions, as policy that a test sets says."""

import base64
import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote

import jwt

from tests.fakes.issuer import RSA, sign

AUDIENCE = "https://ambassador.example.com/mcp"
GATEWAY = "gateway"
"""The first server as a client of the provider."""
AGENT = "https://gateway.example.com/client"
"""The first server as a client of the second."""
_PREFIX = "urn:ietf:params:oauth:"


@dataclass
class Provider:
    """What the provider does: `clients` are those it knows, `audiences` whom it gives assertions for.

    `answer` takes the place of an answer, `claims` and `more` change the claims and the members of a good one. `seen`
    has the form of each exchange.
    """

    url: str
    clients: dict[str, str] = field(default_factory=dict)
    audiences: dict[str, str] = field(default_factory=dict)
    answer: tuple[int, str] | None = None
    claims: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    seen: list[dict[str, str]] = field(default_factory=list)
    assertions: list[str] = field(default_factory=list)

    def token(self, user: str, *, lasts: int = 300, **changes: Any) -> str:
        """Return an access token of a user for the first server."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": f"subject of {user}",
            "preferred_username": user,
            "groups": ["eng"],
            "iat": now,
            "exp": now + lasts,
            "jti": uuid.uuid4().hex,
            **changes,
        }
        return sign({name: value for name, value in claims.items() if value is not None})

    def exchange(self, form: Mapping[str, str], authorization: str) -> tuple[int, str]:
        """Return the status and the body of an answer to a request at the token endpoint."""
        self.seen.append(dict(form))
        if self.answer is not None:
            return self.answer
        name, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if not secret or self.clients.get(unquote(name)) != unquote(secret):
            return 401, json.dumps({"error": "invalid_client"})
        if form["grant_type"] != f"{_PREFIX}grant-type:token-exchange":
            return 400, json.dumps({"error": "unsupported_grant_type"})
        try:
            subject = jwt.decode(
                form["subject_token"], RSA.key.public_key(), algorithms=["RS256"], audience=AUDIENCE
            )
        except jwt.PyJWTError:
            return 400, json.dumps({"error": "invalid_grant"})
        client = self.audiences.get(form["audience"])
        if client is None or form["requested_token_type"] != f"{_PREFIX}token-type:id-jag":
            return 400, json.dumps({"error": "invalid_target"})
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": form["audience"],
            "resource": form["resource"],
            "client_id": client,
            "sub": subject["sub"],
            "preferred_username": subject["preferred_username"],
            "groups": subject["groups"],
            "jti": uuid.uuid4().hex,
            "iat": now,
            "exp": now + 300,
            **({"scope": form["scope"]} if "scope" in form else {}),
            **self.claims,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        self.assertions.append(sign(kept, headers={"typ": "oauth-id-jag+jwt"}))
        answer = {
            "access_token": self.assertions[-1],
            "issued_token_type": f"{_PREFIX}token-type:id-jag",
            "token_type": "N_A",
            "expires_in": 300,
        }
        return 200, json.dumps({**answer, **self.more})


@contextmanager
def granting_provider() -> Iterator[Provider]:
    """Run a provider on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = {
                "issuer": provider.url,
                "jwks_uri": f"{provider.url}/keys",
                "token_endpoint": f"{provider.url}/token",
            }
            self._send(200, json.dumps({"keys": [RSA.public()]} if self.path == "/keys" else found))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._send(*provider.exchange(form, self.headers.get("Authorization", "")))

        def _send(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider = Provider(f"http://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield provider
        server.shutdown()
