"""Notices that the host has died although somebody else still holds our pipes open."""

import asyncio
import os
import sys
from typing import Final

LOOK_SECONDS: Final = 120.0


async def parent_gone() -> None:
    """Return when the process that started us has ended.

    Linux tells, and costs nothing until then; elsewhere we look now and then, as seldom as the session is kept alive.
    """
    parent = os.getppid()
    if parent <= 1 or sys.platform == "win32":
        # Started by the system or by the first process of a container; Windows never says that a parent has gone.
        await asyncio.Event().wait()
    descriptor = _watch(parent)
    while os.getppid() == parent:
        if descriptor is not None:
            return await _readable(descriptor)
        await asyncio.sleep(LOOK_SECONDS)
    return None


def _watch(parent: int) -> int | None:
    """Return a descriptor that becomes readable when the process ends, where there is such a thing."""
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(parent)
    except OSError:  # an old kernel, or a sandbox that forbids it
        return None


async def _readable(descriptor: int) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
