"""Verifies the signatures of API gateways with the secrets that they share with this server."""

import hmac
from collections.abc import Sequence
from typing import Final

from ambassador_protocol.gateway_signature import (
    SIGNATURE_HEADER,
    SIGNED_SECONDS,
    GatewaySignature,
    read_signature,
    signed_mac,
)
from ambassador_server.domain.people.gateway_requests import (
    GatewayFault,
    Headers,
    SignedPart,
    SignedRequest,
    single_values,
)
from ambassador_server.ports.clock import Clock

MOST_REMEMBERED: Final = 200_000
_SLICE_SECONDS: Final = 10
_NAME: Final = SIGNATURE_HEADER.lower()


class HmacGatewaySignatures:
    """Implements `ports.gateway_signatures.GatewaySignatures` for `secrets`, of which each is good.

    Without any, each signature is wrong. What was seen stays so when secrets change.
    """

    def __init__(self, secrets: Sequence[bytes], clock: Clock, *, most: int = MOST_REMEMBERED) -> None:
        self._secrets = secrets
        self._clock = clock
        self._seen = SeenSignatures(most)

    def use(self, secrets: Sequence[bytes]) -> None:
        """Take other secrets from now on."""
        self._secrets = secrets

    def check(self, request: SignedRequest) -> SignedPart | GatewayFault:
        """Return what the signature of a request vouches for, or why it does not; one that was seen is refused."""
        own = single_values(request.headers, (_NAME,))
        signature = None if isinstance(own, GatewayFault) else read_signature(own.get(_NAME, ""))
        if signature is None:
            return GatewayFault.SIGNATURE_MALFORMED
        found = single_values(request.headers, signature.headers)
        if isinstance(found, GatewayFault):
            return found
        if len(found) != len(signature.headers):
            return GatewayFault.SIGNATURE_WRONG
        now = int(self._clock.now().timestamp())
        if abs(now - signature.time) > SIGNED_SECONDS:
            return GatewayFault.SIGNATURE_TIME
        headers = tuple((name, found[name]) for name in signature.headers)
        if not self._is_good(request, signature, headers):
            return GatewayFault.SIGNATURE_WRONG
        # Only what a gateway has signed is remembered, so that others cannot fill the memory.
        fault = self._seen.add(signature.mac, signature.time + SIGNED_SECONDS, now)
        return fault or SignedPart(headers=headers, body_digest=signature.body)

    def _is_good(self, request: SignedRequest, signature: GatewaySignature, headers: Headers) -> bool:
        values = [value for _, value in headers]
        macs = [
            signed_mac(secret, request.method, request.target, signature, values) for secret in self._secrets
        ]
        return any(hmac.compare_digest(mac, signature.mac) for mac in macs)


class SeenSignatures:
    """Remembers signatures until they end, at most `most`; when there is no room for another, it is refused."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._slices: dict[int, set[str]] = {}
        self._size = 0
        self._forgotten_until = 0

    def add(self, mac: str, until: int, now: int) -> GatewayFault | None:
        """Remember a signature that is good until a time; return a fault if it was seen or cannot be remembered."""
        self._forget(now)
        if until <= self._forgotten_until:
            # The clock was set back: it may be one of those that are forgotten.
            return GatewayFault.SIGNATURE_TIME
        seen = self._slices.setdefault(until // _SLICE_SECONDS, set())
        if mac in seen:
            return GatewayFault.SIGNATURE_REPLAYED
        if self._size >= self._most:
            return GatewayFault.SIGNATURES_FULL
        seen.add(mac)
        self._size += 1
        return None

    def _forget(self, now: int) -> None:
        for number in [each for each in self._slices if (each + 1) * _SLICE_SECONDS <= now]:
            self._size -= len(self._slices.pop(number))
            self._forgotten_until = max(self._forgotten_until, (number + 1) * _SLICE_SECONDS - 1)
