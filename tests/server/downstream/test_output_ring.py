"""The last lines of a downstream's output are bounded and masked."""

import pytest

from ambassador_server.downstream.output_ring import OutputRing


def test_the_output_ring_is_bounded_and_masks_before_it_cuts():
    ring = OutputRing(lambda text: text.replace("secret", "***"), lines=2, width=8)
    for line in (b"first", b"  ", b"a\x1b[0m\tb", b"xxxxxxsecret"):
        ring.add(line)
    assert ring.all() == ("a b", "xx … **")
    assert ring.last() == "xx … **"


def test_the_beginning_and_the_end_of_a_long_line_are_kept():
    ring = OutputRing(lambda text: text.replace("secret", "***"))
    ring.add(b"begin " + b"x" * 100_000 + b" secret end")
    ring.add(b"head" * 1000, b"y" * 4000 + b" at the end")
    first, second = ring.all()
    assert (first[:7], first[-9:]) == ("begin x", "x *** end")
    assert (second[:5], second[-12:]) == ("headh", "y at the end")
    assert max(map(len, ring.all())) <= 500


@pytest.mark.parametrize(
    "after",
    [
        b"\x1b[0m",
        b"\x1b]0;title\x07\x1b[?25h",
        b"   \t",
        b"\0",
        b"^",
        b"}",
        b"    at Object.<anonymous> (/srv/server.js:1:7)",
        b"Node.js v22.11.0",
        b"\tat java.base/java.lang.Thread.run(Thread.java:840)",
        b"... 12 more",
        b"note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
    ],
)
def test_the_last_line_is_one_that_says_a_cause(after: bytes):
    ring = OutputRing(str)
    for line in (b"Starting", b"\x1b[31mError: no licence\x1b[39m", after):
        ring.add(line)
    assert ring.last() == "Error: no licence"


def test_lines_that_say_no_cause_are_better_than_none():
    ring = OutputRing(str)
    assert ring.last() is None
    ring.add(b"Node.js v22.11.0")
    assert ring.last() == "Node.js v22.11.0"


def test_a_line_in_utf_16_can_be_read():
    ring = OutputRing(str)
    ring.add("\ufeffFehler: x\r".encode("utf-16-le"))
    assert ring.all()[0].endswith("Fehler: x")
