"""An identity provider that serves its keys, for servers that run as processes; it signs whatever a test wants."""

import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.fakes.issuer import RSA, sign

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_TYPE = "oauth-id-jag+jwt"
CLIENT = "https://app.example.com/client"


class _Documents(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        host, port = self.server.server_address[:2]
        url = f"http://{host!s}:{port}"
        found = {"issuer": url, "jwks_uri": f"{url}/keys"}
        body = json.dumps({"keys": [RSA.public()]} if self.path == "/keys" else found).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@contextmanager
def identity_provider() -> Iterator[str]:
    """Yield the URL of a provider on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Documents) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def assertion(provider: str, server: str, user: str, *, typ: str = ASSERTION_TYPE, **changes: Any) -> str:
    """Return an identity assertion for a client; None takes a claim away."""
    now = int(time.time())
    claims = {
        "iss": provider,
        "aud": server,
        "resource": f"{server}/mcp",
        "client_id": CLIENT,
        "sub": f"subject of {user}",
        "preferred_username": user,
        "groups": ["eng"],
        "jti": uuid.uuid4().hex,
        "iat": now,
        "exp": now + 300,
        **changes,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return sign(kept, headers={"typ": typ})
