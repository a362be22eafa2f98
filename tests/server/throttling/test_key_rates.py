"""Each key has its own bucket, which refills steadily; refusals are recorded at most once a minute."""

import pytest

from ambassador_server.throttling.key_rates import KeyRate


class Time:
    """A time that tests set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


def test_key_waits_when_its_bucket_is_empty_and_others_do_not(time: Time) -> None:
    rate = KeyRate(60, time)
    assert [rate.take("one") for _ in range(60)] == [None] * 60
    refused = rate.take("one")
    assert refused is not None
    assert refused.wait_seconds == 1
    assert rate.take("other") is None
    time.now += 1
    assert rate.take("one") is None
    assert rate.take("one") is not None


def test_large_use_is_permitted_and_paid_for_later(time: Time) -> None:
    rate = KeyRate(600, time)
    assert rate.take("one", 1200) is None
    refused = rate.take("one")
    assert refused is not None
    assert refused.wait_seconds == 60
    time.now += 61
    assert rate.take("one") is None


def test_refusals_are_counted_and_recorded_once_a_minute(time: Time) -> None:
    rate = KeyRate(1, time)
    rate.take("one", 1000)
    recorded = []
    for _ in range(240):
        refused = rate.take("one")
        assert refused is not None
        recorded.append(refused.to_record)
        time.now += 0.5
    assert [count for count in recorded if count] == [1, 120]


def test_number_of_buckets_is_bounded(time: Time) -> None:
    rate = KeyRate(60, time)
    for number in range(25_000):
        rate.take(str(number))
    assert len(rate) == 20_000
