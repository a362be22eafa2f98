"""What the terminal can: asked by a control sequence, which it answers on standard input; and how wide it is."""

import os
import re
import select
import shutil
import signal
import struct
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Final

_QUESTION: Final = b"\x1b[c"
_ANSWER: Final = re.compile(rb"\x1b\[\?([0-9;]*)c")
_MAX_ANSWER: Final = 256
_SIXEL: Final = b"4"
_PIXELS_PER_COLUMN: Final = 8

# Practically every terminal answers at once, so that only the way there takes time.
_WAIT: Final = 0.2
_WAIT_OVER_SSH: Final = 2.0


def has_sixel(environ: Mapping[str, str]) -> bool:
    """Return whether the terminal says that it shows images in the sixel format.

    It is asked for its primary device attributes. A terminal that does not answer in time has no sixel.
    """
    if environ.get("TERM", "dumb") == "dumb" or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return _answers_sixel(_WAIT_OVER_SSH if "SSH_CONNECTION" in environ else _WAIT)


@cache
def _answers_sixel(wait: float) -> bool:
    try:
        answer = _ask(sys.stdin.fileno(), sys.stdout.fileno(), wait)
    except OSError:
        return False
    found = _ANSWER.search(answer)
    # The first number is the class of the terminal, which may be 4 as well.
    return found is not None and _SIXEL in found[1].split(b";")[1:]


def pixel_width() -> int:
    """Return the width of the terminal in pixels, which is a guess where it does not tell."""
    try:
        reported = _reported_width(sys.stdout.fileno())
    except OSError:
        reported = 0
    return reported or shutil.get_terminal_size().columns * _PIXELS_PER_COLUMN


if sys.platform == "win32":

    def _ask(source: int, target: int, wait: float) -> bytes:
        # A console of Windows has no mode in which its answer can be awaited for a bounded time.
        return b""

    def _reported_width(target: int) -> int:
        return 0

else:
    import fcntl
    import termios

    _HELD_BACK: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP)

    def _ask(source: int, target: int, wait: float) -> bytes:
        # A process in the background would be stopped when it changes the mode of the terminal.
        if os.tcgetpgrp(source) != os.getpgrp():
            return b""
        with _unechoed_keys(source):
            # What was typed ahead belongs to the next program: nothing is read that the question did not cause.
            if _is_readable(source, 0):
                return b""
            sys.stdout.flush()
            os.write(target, _QUESTION)
            return _read_answer(source, time.monotonic() + wait)

    def _reported_width(target: int) -> int:
        size = fcntl.ioctl(target, termios.TIOCGWINSZ, bytes(8))
        return int(struct.unpack("HHHH", size)[2])

    def _read_answer(source: int, deadline: float) -> bytes:
        answer = b""
        while len(answer) < _MAX_ANSWER and _ANSWER.search(answer) is None:
            if not _is_readable(source, max(0.0, deadline - time.monotonic())):
                break
            chunk = os.read(source, _MAX_ANSWER - len(answer))
            if not chunk:
                break
            answer += chunk
        return answer

    def _is_readable(source: int, wait: float) -> bool:
        return bool(select.select([source], [], [], wait)[0])

    @contextmanager
    def _unechoed_keys(source: int) -> Iterator[None]:
        """Turn off lines and echo; signals that end or stop the process wait until they are on again."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
        try:
            old = termios.tcgetattr(source)
            new = [*old[:6], list(old[6])]
            new[3] &= ~(termios.ICANON | termios.ECHO)
            new[6][termios.VMIN], new[6][termios.VTIME] = 1, 0
            try:
                termios.tcsetattr(source, termios.TCSANOW, new)
                yield
            finally:
                termios.tcsetattr(source, termios.TCSANOW, old)
        except termios.error as error:
            raise OSError(*error.args) from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
