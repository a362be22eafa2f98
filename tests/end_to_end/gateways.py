"""An API gateway in front of a server: its certificates, its signatures, and requests as it sends them."""

import secrets
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from ambassador_protocol.gateway_signature import SIGNATURE_HEADER, sign
from tests.end_to_end.faces import Answer, Face, Wire
from tests.patience import PATIENCE

GATEWAY_NAME = "edge.acme.example"
SECRET = "a secret of the gateway and this server"


def rules(**group_map: str) -> dict[str, Any]:
    """Return an issuer whose claims are the headers of the gateway `edge`."""
    return {
        "url": "gateway:edge",
        "key_source": "gateway",
        "subject_claim": "x-user-email",
        "user_claims": ["x-user-email"],
        "email_claim": "x-user-email",
        "group_claims": ["x-user-groups", "x-user-admin"],
        "group_prefix": "edge.",
        "group_map": {name.replace("_", "-"): group for name, group in group_map.items()},
        "creates_users": True,
    }


def as_sent_by_users(wire: Wire) -> Wire:
    """Return a request without the credential that tests of other ways in give it."""
    return replace(wire, headers={k: v for k, v in wire.headers.items() if k != "Authorization"})


def identity(user: str, *groups: str, **more: str) -> dict[str, str]:
    """Return identity headers as Traefik and Azure APIM send them."""
    named = {"X-User-Email": user, **({"X-User-Groups": ", ".join(groups)} if groups else {})}
    return {**named, **{name.replace("_", "-"): value for name, value in more.items()}}


def signature(wire: Wire, headers: Mapping[str, str], *, secret: str = SECRET, **changes: Any) -> str:
    """Return the signature header of a request with identity headers."""
    given = {
        "method": wire.method,
        "target": wire.path,
        "body": wire.body,
        "headers": headers,
        "time": int(time.time()),
        "nonce": secrets.token_hex(12),
        **changes,
    }
    return sign(secret.encode(), **given)


@dataclass(frozen=True)
class GatewayCaller:
    """A user behind the gateway; with `signs` the gateway signs each request, else it has a certificate."""

    http: httpx.Client
    headers: dict[str, str]
    signs: bool = False
    more: dict[str, str] = field(default_factory=dict)

    def send(self, wire: Wire) -> httpx.Response:
        """Send a request as the gateway does."""
        plain = as_sent_by_users(wire)
        headers = {**plain.headers, **self.headers, **self.more}
        if self.signs:
            headers[SIGNATURE_HEADER] = signature(plain, self.headers)
        return self.http.request(wire.method, wire.path, headers=headers, content=wire.body or None)

    def call(self, face: Face, tool: str, arguments: Any) -> Answer:
        """Call a tool."""
        response = self.send(face.call("", tool, arguments))
        return face.read(response.status_code, response.content)

    def names(self, face: Face) -> list[str]:
        """List tools."""
        response = self.send(face.listing(""))
        assert response.status_code == 200, response.text
        return face.names(response.content)


@contextmanager
def connection(url: str, ca_file: str, certificate: tuple[str, str] | None = None) -> Iterator[httpx.Client]:
    """Connect to a listener, with the certificate of a client or without one."""
    context = ssl.create_default_context(cafile=ca_file)
    if certificate is not None:
        context.load_cert_chain(*certificate)
    with httpx.Client(base_url=url, verify=context, trust_env=False, timeout=PATIENCE) as client:
        yield client
