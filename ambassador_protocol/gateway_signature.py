"""The signature by which an API gateway vouches for the identity headers of a request."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

SIGNATURE_HEADER: Final = "X-Ambassador-Gateway"
SIGNED_SECONDS: Final = 60
"""How far the time of a signature may be from the server's."""
_VERSION: Final = "mcp-ambassador-gateway-1"
_FORM = re.compile(
    r"t=(?P<time>[0-9]{1,12});n=(?P<nonce>[A-Za-z0-9_-]{16,64});b=(?P<body>[0-9a-f]{64});"
    r"h=(?P<headers>[a-z0-9-]{1,64}(?:,[a-z0-9-]{1,64}){0,19});s=(?P<mac>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySignature:
    """What the header says: when it was signed, once per nonce, over which body and which headers."""

    time: int
    nonce: str
    body: str
    headers: tuple[str, ...]
    mac: str

    def text(self) -> str:
        """Return the value of the header."""
        return f"t={self.time};n={self.nonce};b={self.body};h={','.join(self.headers)};s={self.mac}"


def read_signature(text: str) -> GatewaySignature | None:
    """Return what a header says; None for anything that is none, such as one that names a header twice."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    headers = tuple(found["headers"].split(","))
    if len({*headers}) != len(headers):
        return None
    return GatewaySignature(
        time=int(found["time"]),
        nonce=found["nonce"],
        body=found["body"],
        headers=headers,
        mac=found["mac"],
    )


def body_digest(body: bytes) -> str:
    """Return the digest of a body, as signatures have it."""
    return hashlib.sha256(body).hexdigest()


def signed_mac(
    secret: bytes, method: str, target: str, signature: GatewaySignature, values: Sequence[str]
) -> str:
    """Return the MAC of a request; `target` is its path with its query, `values` are those of the signed headers."""
    lines = [_VERSION, method, target, str(signature.time), signature.nonce, signature.body]
    lines += [f"{name}:{value}" for name, value in zip(signature.headers, values, strict=True)]
    text = "\n".join(lines).encode("utf-8", "surrogateescape")
    return hmac.new(secret, text, hashlib.sha256).hexdigest()


def sign(
    secret: bytes,
    *,
    method: str,
    target: str,
    body: bytes,
    headers: Mapping[str, str],
    time: int,
    nonce: str,
) -> str:
    """Return the value of the header for a request, as a gateway sends it; no line of a request has a line break."""
    names = tuple(name.lower() for name in headers)
    unsigned = GatewaySignature(time=time, nonce=nonce, body=body_digest(body), headers=names, mac="")
    mac = signed_mac(secret, method, target, unsigned, list(headers.values()))
    return GatewaySignature(time=time, nonce=nonce, body=unsigned.body, headers=names, mac=mac).text()
