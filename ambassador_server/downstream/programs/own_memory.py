"""Hides the memory and the environment of this server from other processes of its user."""

import sys

from ambassador_server.downstream.programs.kernel import hide_memory


def hide_own_memory() -> None:
    """Do it where the system can; it also keeps secrets out of core dumps."""
    if sys.platform == "linux":
        hide_memory()
