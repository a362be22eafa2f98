"""`ambassador-server` that also measures its event loop: how much processor time passes between two turns.

It appends every pause of more than a tenth of a second to the file of its first argument. The time of all threads
counts, because a thread that keeps the lock of the interpreter stops the loop as well; what other processes
use does not count.
"""

import sys
import time
from pathlib import Path

import uvloop

from ambassador_server.__main__ import main

_INTERVAL = 0.005
_SHORTEST = 0.1
_FILE = Path(sys.argv.pop(1))


class _Watch:
    """Runs on the loop every few milliseconds."""

    def __init__(self, loop: uvloop.Loop, file: Path) -> None:
        self._loop = loop
        self._file = file
        self._last = time.process_time()

    def tick(self) -> None:
        now = time.process_time()
        if now - self._last > _SHORTEST:
            with self._file.open("a") as pauses:
                pauses.write(f"{now - self._last:.3f}\n")
        self._last = now
        self._loop.call_later(_INTERVAL, self.tick)


def _watched_loop() -> uvloop.Loop:
    loop = uvloop.Loop()
    loop.call_soon(_Watch(loop, _FILE).tick)
    return loop


if __name__ == "__main__":
    uvloop.new_event_loop = _watched_loop
    sys.argv[0] = "ambassador-server"
    main()
