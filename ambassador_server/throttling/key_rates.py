"""Bounds what one client key does per minute, with a token bucket per key in memory."""

import math
from collections.abc import Callable
from typing import Final

from ambassador_server.ports.throttle import RateRefusal

_MINUTE: Final = 60.0
_MOST_BUCKETS: Final = 20_000


class _Bucket:
    """What a key may still do, and its refusals that are not recorded yet."""

    __slots__ = ("at", "left", "recorded_at", "unrecorded")

    def __init__(self, left: float, at: float) -> None:
        self.left = left
        self.at = at
        self.recorded_at: float | None = None
        self.unrecorded = 0


class KeyRate:
    """Implements `ports.throttle.Rate`: each key has a bucket that holds the amount of one minute and refills steadily.

    Whatever a bucket still holds is enough for one use of any size, which may leave it in debt: otherwise a use larger
    than the bucket could never happen. `refused` counts the refusals since the start.
    """

    def __init__(self, per_minute: int, now: Callable[[], float]) -> None:
        self._full = float(per_minute)
        self._per_second = per_minute / _MINUTE
        self._now = now
        self._buckets: dict[str, _Bucket] = {}
        self.refused = 0

    def take(self, key_id: str, amount: int = 1) -> RateRefusal | None:
        """Return None and count the amount, or return the refusal if the key has to wait."""
        now = self._now()
        bucket = self._buckets.get(key_id) or self._add(key_id, now)
        left = min(self._full, bucket.left + (now - bucket.at) * self._per_second)
        bucket.at = now
        if left > 0:
            bucket.left = left - amount
            return None
        bucket.left = left
        return self._refuse(bucket, now)

    def __len__(self) -> int:
        return len(self._buckets)

    def _refuse(self, bucket: _Bucket, now: float) -> RateRefusal:
        self.refused += 1
        bucket.unrecorded += 1
        wait = max(1, math.ceil(-bucket.left / self._per_second))
        if bucket.recorded_at is not None and now - bucket.recorded_at < _MINUTE:
            return RateRefusal(wait_seconds=wait, to_record=0)
        bucket.recorded_at = now
        count, bucket.unrecorded = bucket.unrecorded, 0
        return RateRefusal(wait_seconds=wait, to_record=count)

    def _add(self, key_id: str, now: float) -> _Bucket:
        if len(self._buckets) >= _MOST_BUCKETS:
            # The oldest bucket; its key begins with a full one if it comes back.
            del self._buckets[next(iter(self._buckets))]
        bucket = self._buckets[key_id] = _Bucket(self._full, now)
        return bucket
