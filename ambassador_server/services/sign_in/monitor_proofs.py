"""Remembers which admin keys read the metrics, so that these can be read while the database does not answer."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from ambassador_server.domain.people.administrators import Administrator
from ambassador_server.ports.clock import Clock

REMEMBERED_SECONDS: Final = 600.0
"""How long a key opens the metrics without the database: then a revoked one, too, because nothing tells about it."""

_MOST_KEYS: Final = 64


@dataclass(frozen=True, slots=True)
class _Proof:
    administrator: Administrator
    at: float


class MonitorProofs:
    """The last keys that the database has confirmed, by their digests; logins of people are not remembered."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._proofs: OrderedDict[bytes, _Proof] = OrderedDict()

    def remember(self, digest: bytes, administrator: Administrator | None) -> None:
        """Remember a key that is good, and forget one that is not."""
        self._proofs.pop(digest, None)
        if administrator is None or administrator.user_id is not None:
            return
        self._proofs[digest] = _Proof(administrator, self._clock.monotonic())
        if len(self._proofs) > _MOST_KEYS:
            self._proofs.popitem(last=False)

    def recall(self, digest: bytes) -> Administrator | None:
        """Return the administrator of a key that was confirmed not long ago and has not expired."""
        proof = self._proofs.get(digest)
        if proof is None or self._clock.monotonic() - proof.at > REMEMBERED_SECONDS:
            return None
        expires_at = proof.administrator.expires_at
        return None if expires_at is not None and expires_at <= self._clock.now() else proof.administrator
