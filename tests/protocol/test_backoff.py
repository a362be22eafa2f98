"""Back-off between failed attempts."""

from ambassador_protocol.backoff import Backoff


def test_pauses_double_within_their_bounds():
    backoff = Backoff(0.5, 60.0)
    for failures in (*range(1, 100), 10**9):
        span = min(60.0, 0.5 * 2 ** min(failures - 1, 32))
        assert span / 2 <= backoff.after(failures) <= span


def test_the_first_pause_is_the_shortest():
    assert Backoff(0.5, 60.0).after(0) <= 0.5


def test_pauses_are_random():
    assert len({Backoff(0.5, 60.0).after(1) for _ in range(100)}) > 1
