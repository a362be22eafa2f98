"""Counts calls for limits in the memory of one server: token buckets, calls in flight, and calls of a day."""

import heapq
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from ambassador_server.domain.policy.limits import AppliedLimit, Limit, LimitUse, Measure
from ambassador_server.domain.shared.large_documents import off_loop
from ambassador_server.ports.limits import Waiting

_MINUTE: Final = 60.0
_MOST_COUNTERS: Final = 100_000
_EXAMINED: Final = 4
"""How many buckets are looked at for a full one, when one more needs room."""
_OTHERS: Final = "\0"
"""The counter of all for whom there is no room; forgetting another one would give back what it has counted."""

Key = tuple[str, str]


class _Bucket:
    """What may still be called, when it was counted, and how it refills."""

    __slots__ = ("at", "full", "left", "limit", "per_second")

    def __init__(self, limit: Limit, at: float) -> None:
        self.limit = limit
        self.full = self.left = float(limit.burst or limit.value)
        self.per_second = limit.value / _MINUTE
        self.at = at

    def refill(self, limit: Limit, now: float) -> None:
        """Bring the bucket to this moment; the limit may have changed since."""
        self.fill(now)
        if limit is not self.limit:
            self.limit = limit
            self.full = float(limit.burst or limit.value)
            self.per_second = limit.value / _MINUTE
            self.left = min(self.left, self.full)

    def fill(self, now: float) -> None:
        """Bring the bucket to this moment; a clock that was set back adds nothing."""
        if now > self.at:
            left = self.left + (now - self.at) * self.per_second
            self.left = left if left < self.full else self.full
            self.at = now

    def used(self, now: float) -> float:
        """Return what is used at this moment, without any change."""
        refilled = max(0.0, now - self.at) * self.per_second
        return max(0.0, self.full - self.left - refilled)


class LimitCountersInMemory:
    """Implements `ports.limits.LimitCounters`.

    A bucket is forgotten only while it is full, and a count of a day only when the day is over, so that nothing is
    given back. Where there is no room for another counter, all callers without one share one for each limit.
    """

    def __init__(
        self, *, monotonic: Callable[[], float], now: Callable[[], datetime], most: int = _MOST_COUNTERS
    ) -> None:
        self._monotonic = monotonic
        self._now = now
        self._most = most
        self._buckets: OrderedDict[Key, _Bucket] = OrderedDict()
        self._running: dict[Key, int] = {}
        self._days: dict[Key, int] = {}
        self._day_ends = datetime.min.replace(tzinfo=UTC)

    def __len__(self) -> int:
        return len(self._buckets) + len(self._running) + len(self._days)

    def enter(self, limits: Sequence[AppliedLimit]) -> Waiting | None:
        """Count a call in all these limits and return None; or in none of them, and return what it waits for."""
        longest: Waiting | None = None
        buckets: list[tuple[Key, _Bucket]] = []
        counts: list[tuple[dict[Key, int], Key]] = []
        for limit, subject in limits:
            seconds = self._look_up(limit, subject, buckets, counts)
            if seconds and (longest is None or seconds > longest.seconds):
                longest = Waiting(limit, seconds)
        if longest is not None:
            return longest
        for key, bucket in buckets:
            bucket.left -= 1
            # One that was full a moment ago may have made room for the next.
            self._buckets[key] = bucket
        for counted, key in counts:
            counted[key] = counted.get(key, 0) + 1
        return None

    def leave(self, limits: Sequence[AppliedLimit]) -> None:
        """Count the end of a call that has entered with the same limits."""
        for limit, subject in limits:
            if limit.measure is Measure.IN_FLIGHT:
                key = limit.limit_id, subject
                left = self._running[key] - 1
                if left:
                    self._running[key] = left
                else:
                    del self._running[key]

    async def fullest(self, limits: Mapping[str, Limit], most: int) -> Sequence[LimitUse]:
        """Return the fullest counters of these limits, by id, the fullest first."""
        now, days = self._monotonic(), self._days if self._now() < self._day_ends else {}
        # Copied, because the counters change while another thread compares them.
        buckets = list(self._buckets.items())
        counts = [*((Measure.IN_FLIGHT, *each) for each in self._running.items())]
        counts += ((Measure.CALLS_PER_DAY, *each) for each in days.items())
        return await off_loop(_fullest, limits, buckets, counts, now, most)

    def _look_up(
        self,
        limit: Limit,
        subject: str,
        buckets: list[tuple[Key, _Bucket]],
        counts: list[tuple[dict[Key, int], Key]],
    ) -> int:
        """Add the counter of a limit to the lists, and return the seconds to wait for it; 0 if there is room."""
        if limit.measure is Measure.CALLS_PER_MINUTE:
            key, bucket = self._bucket(limit, subject)
            buckets.append((key, bucket))
            return 0 if bucket.left >= 1 else max(1, math.ceil((1 - bucket.left) / bucket.per_second))
        if limit.measure is Measure.IN_FLIGHT:
            key = limit.limit_id, subject
            counts.append((self._running, key))
            # Nobody knows when a call ends.
            return 1 if self._running.get(key, 0) >= limit.value else 0
        if limit.measure is Measure.CALLS_PER_DAY:
            key = self._day_key(limit, subject)
            counts.append((self._days, key))
            if self._days.get(key, 0) < limit.value:
                return 0
            return max(1, math.ceil((self._day_ends - self._now()).total_seconds()))
        return 0

    def _bucket(self, limit: Limit, subject: str) -> tuple[Key, _Bucket]:
        now, key = self._monotonic(), (limit.limit_id, subject)
        bucket = self._buckets.get(key)
        if bucket is None and not self._has_room(now):
            key = limit.limit_id, _OTHERS
            bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(limit, now)
        else:
            bucket.refill(limit, now)
            self._buckets.move_to_end(key)
        return key, bucket

    def _has_room(self, now: float) -> bool:
        """Forget full buckets, where there is no room; of those that were used longest ago, most are full."""
        if len(self._buckets) < self._most:
            return True
        for key in [key for key, _ in zip(self._buckets, range(_EXAMINED), strict=False)]:
            bucket = self._buckets[key]
            bucket.fill(now)
            if bucket.left >= bucket.full:
                del self._buckets[key]
            else:
                self._buckets.move_to_end(key)
        return len(self._buckets) < self._most

    def _day_key(self, limit: Limit, subject: str) -> Key:
        now = self._now()
        if now >= self._day_ends:
            self._days.clear()
            midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            self._day_ends = midnight + timedelta(days=1)
        key = limit.limit_id, subject
        is_known = key in self._days or len(self._days) < self._most
        return key if is_known else (limit.limit_id, _OTHERS)


def _fullest(
    limits: Mapping[str, Limit],
    buckets: Sequence[tuple[Key, _Bucket]],
    counts: Sequence[tuple[Measure, Key, int]],
    now: float,
    most: int,
) -> list[LimitUse]:
    uses = (*_bucket_uses(limits, buckets, now), *_count_uses(limits, counts))
    return heapq.nlargest(most, uses, key=lambda use: (use.share, use.used))


def _bucket_uses(
    limits: Mapping[str, Limit], buckets: Sequence[tuple[Key, _Bucket]], now: float
) -> Iterator[LimitUse]:
    for (limit_id, subject), bucket in buckets:
        limit = limits.get(limit_id)
        used = math.ceil(bucket.used(now))
        if limit is not None and limit.measure is Measure.CALLS_PER_MINUTE and used:
            yield LimitUse(limit, _shown(subject), used)


def _count_uses(
    limits: Mapping[str, Limit], counts: Sequence[tuple[Measure, Key, int]]
) -> Iterator[LimitUse]:
    for measure, (limit_id, subject), used in counts:
        limit = limits.get(limit_id)
        if limit is not None and limit.measure is measure:
            yield LimitUse(limit, _shown(subject), used)


def _shown(subject: str) -> str:
    return "" if subject == _OTHERS else subject
