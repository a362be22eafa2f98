"""Verification of the signatures of API gateways, as a port."""

from collections.abc import Sequence
from typing import Protocol

from ambassador_server.domain.people.gateway_requests import GatewayFault, SignedPart, SignedRequest


class GatewaySignatures(Protocol):
    """Verifies each signature once."""

    def check(self, request: SignedRequest) -> SignedPart | GatewayFault:
        """Return what the signature of a request vouches for, or why it does not."""
        ...

    def use(self, secrets: Sequence[bytes]) -> None:
        """Take other secrets from now on, of which each is good; without any, each signature is wrong."""
        ...
