"""Keeps what the start has built in memory, and gives back what it needed only for a while."""

import ctypes
import gc
import sys


def keep_start_in_memory() -> None:
    """Collect garbage from now on, but never search the objects of the start, nearly all of which stay."""
    gc.freeze()
    gc.set_threshold(20_000, 50, 1_000)
    gc.enable()
    if sys.platform == "linux":
        _trim_heap()


def _trim_heap() -> None:
    """Return the free pages of the heap to the system, which the GNU C library does on request only."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))
