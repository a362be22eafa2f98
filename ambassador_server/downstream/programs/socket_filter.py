"""A filter of system calls that denies sockets, where Landlock guards only TCP; standard library only."""

import errno
import os
import struct
from collections.abc import Sequence
from typing import Final

from ambassador_server.downstream.programs.kernel import set_filter

# Architecture as the kernel reports it, and the numbers of `socket` and `io_uring_setup`.
_MACHINES: Final = {"x86_64": (0xC000003E, 41, 425), "aarch64": (0xC00000B7, 198, 425)}
_X32_BIT: Final = 0x40000000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW: Final = 0x7FFF0000
_DENY: Final = 0x00050000 | 13  # EACCES
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16

UNIX: Final = 1
"""The family of sockets with a path."""


def is_possible() -> bool:
    """Tell whether the numbers of this machine's system calls are known."""
    return os.name == "posix" and os.uname().machine in _MACHINES and struct.calcsize("P") * 8 == 64


def deny_sockets(families: Sequence[int] | None) -> None:
    """Deny new sockets of these families, None for all; pairs of connected sockets stay possible.

    `io_uring` is denied, too, because it opens sockets without the system call. Raises OSError for a machine whose
    numbers are not known. Needs `forbid_new_privileges`.
    """
    if not is_possible():
        raise OSError(errno.ENOSYS, "sockets cannot be denied on this machine")
    set_filter(_program(families))


def _program(families: Sequence[int] | None) -> bytes:
    architecture, open_socket, setup_ring = _MACHINES[os.uname().machine]
    # Each step: code, steps to skip if true, steps to skip if false, operand.
    denied = [(_EQUAL, family) for family in families] if families is not None else [(_AT_LEAST, 0)]
    to_deny = len(denied)
    tests = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 0, to_deny + 6, architecture),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, to_deny + 4, 0, _X32_BIT),
        (_EQUAL, to_deny + 3, 0, setup_ring),
        (_EQUAL, 0, to_deny + 1, open_socket),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
    ]
    tests += [(code, to_deny - index, 0, value) for index, (code, value) in enumerate(denied)]
    tests += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _DENY)]
    return b"".join(struct.pack("=HBBI", *test) for test in tests)
