"""The last lines of a downstream's output are bounded and masked."""

from ambassador_server.downstream.output_ring import OutputRing


def test_the_output_ring_is_bounded_and_masks_before_it_cuts():
    ring = OutputRing(lambda text: text.replace("secret", "***"), lines=2, width=8)
    for line in (b"first", b"  ", b"a\x1b[0m\tb", b"xxxxxxsecret"):
        ring.add(line)
    assert ring.all() == ("a [0m b", "xxxxxx**")
    assert ring.last() == "xxxxxx**"
