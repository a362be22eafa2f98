"""`ambassador-server` that also counts the tasks of its event loop.

On SIGUSR2 it writes how many there are of each kind to the file of its first argument.
"""

import asyncio
import json
import signal
import sys
from collections import Counter
from pathlib import Path

import uvloop

from ambassador_server.__main__ import main

_FILE = Path(sys.argv.pop(1))


def _write(loop: uvloop.Loop) -> None:
    names = Counter(_name(task) for task in asyncio.all_tasks(loop))
    new = _FILE.with_suffix(".new")
    new.write_text(json.dumps(names))
    new.rename(_FILE)


def _name(task: "asyncio.Task[object]") -> str:
    return getattr(task.get_coro(), "__qualname__", "another")


def _counted_loop() -> uvloop.Loop:
    loop = uvloop.Loop()
    loop.add_signal_handler(signal.SIGUSR2, _write, loop)
    return loop


if __name__ == "__main__":
    uvloop.new_event_loop = _counted_loop
    sys.argv[0] = "ambassador-server"
    main()
