"""System calls of Linux that restrict the calling process; standard library only, because the launcher imports it."""

import ctypes
import os
import struct
from collections.abc import Iterable
from functools import cache
from typing import Final

EXECUTE: Final = 1 << 0
WRITE_FILE: Final = 1 << 1
READ_FILE: Final = 1 << 2
READ_DIR: Final = 1 << 3
MAKE_CHAR: Final = 1 << 6
MAKE_BLOCK: Final = 1 << 11
_REFER: Final = 1 << 13
_TRUNCATE: Final = 1 << 14
_IOCTL_DEV: Final = 1 << 15
_FIRST_RIGHTS: Final = (1 << 13) - 1
FILE_RIGHTS: Final = EXECUTE | WRITE_FILE | READ_FILE | _TRUNCATE | _IOCTL_DEV
"""The rights that a rule for a single file may hold; the others concern directories."""

_CONNECT_TCP: Final = 1 << 1
_SCOPES: Final = 0b11

TRUNCATE_ABI: Final = 3
"""The first version of Landlock that guards the truncation of files."""
CONNECT_ABI: Final = 4
"""The first version that guards TCP connections."""
_IOCTL_ABI: Final = 5
SCOPE_ABI: Final = 6
"""The first version that guards signals and abstract Unix sockets of processes outside."""

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_PATH_RULE: Final = 1
_PORT_RULE: Final = 2

_SET_PDEATHSIG: Final = 1
_SET_DUMPABLE: Final = 4
_DROP_FROM_BOUNDING_SET: Final = 24
_SET_SECCOMP: Final = 22
_SECCOMP_FILTER: Final = 2
_FILTER_STEP: Final = 8
_SET_NO_NEW_PRIVS: Final = 38
_CAPABILITIES_VERSION: Final = 0x20080522
# Owners and modes of files, and low ports: what package managers run by root need.
_KEPT_CAPABILITIES: Final = frozenset({0, 1, 3, 4, 10})
_LAST_CAPABILITY: Final = 63


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def landlock_abi() -> int:
    """Return the version of Landlock that the kernel offers; raises OSError where it offers none."""
    return _syscall(_CREATE_RULESET, None, 0, 1)


def end_with_parent(signal_number: int) -> None:
    """Have the kernel send this signal when the parent ends; a change of the user clears it."""
    _prctl(_SET_PDEATHSIG, signal_number)


def forbid_new_privileges() -> None:
    """Make set-user-id bits and file capabilities mean nothing for this process and its descendants."""
    _prctl(_SET_NO_NEW_PRIVS, 1)


def hide_memory() -> None:
    """Deny other processes of the same user the memory and environment of this one, and write no core dumps."""
    _prctl(_SET_DUMPABLE, 0)


def drop_capabilities() -> None:
    """Give up what root may do beyond files: devices, other processes, the kernel, mounts, raw network."""
    for capability in range(_LAST_CAPABILITY + 1):
        if capability not in _KEPT_CAPABILITIES:
            # Fails for a number that this kernel does not know.
            _libc().prctl(_DROP_FROM_BOUNDING_SET, capability, 0, 0, 0)
    kept = sum(1 << capability for capability in _KEPT_CAPABILITIES)
    header = struct.pack("=Ii", _CAPABILITIES_VERSION, 0)
    sets = struct.pack("=6I", kept, kept, 0, 0, 0, 0)
    _check(_libc().capset(header, sets))


def set_filter(program: bytes) -> None:
    """Apply a filter of system calls to this process and its descendants; needs `forbid_new_privileges`."""
    buffer = ctypes.create_string_buffer(program)
    description = struct.pack("@HP", len(program) // _FILTER_STEP, ctypes.addressof(buffer))
    _check(_libc().prctl(_SET_SECCOMP, _SECCOMP_FILTER, description, 0, 0))


class Ruleset:
    """A Landlock ruleset: everything that it guards is denied unless a rule allows it."""

    def __init__(self, abi: int, *, guards_connections: bool) -> None:
        self.rights = _FIRST_RIGHTS
        for since, right in ((2, _REFER), (TRUNCATE_ABI, _TRUNCATE), (_IOCTL_ABI, _IOCTL_DEV)):
            if abi >= since:
                self.rights |= right
        attributes = struct.pack(
            "=QQQ", self.rights, _CONNECT_TCP if guards_connections else 0, _SCOPES if abi >= SCOPE_ABI else 0
        )
        size = 24 if abi >= SCOPE_ABI else 16 if abi >= CONNECT_ABI else 8
        self._descriptor = _syscall(_CREATE_RULESET, attributes[:size], size, 0)

    def allow(self, path: str, rights: int, *, is_directory: bool) -> None:
        """Allow these rights below a path; a path that is gone or may not be entered gets none."""
        rights &= self.rights if is_directory else self.rights & FILE_RIGHTS
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC | (0 if is_directory else os.O_NOFOLLOW))
        except OSError:
            return
        try:
            self._add(_PATH_RULE, struct.pack("=Qi", rights, descriptor))
        finally:
            os.close(descriptor)

    def allow_ports(self, ports: Iterable[int]) -> None:
        """Allow TCP connections to these ports."""
        for port in ports:
            self._add(_PORT_RULE, struct.pack("=QQ", _CONNECT_TCP, port))

    def restrict(self) -> None:
        """Apply the rules to this process and its descendants without end; needs `forbid_new_privileges`."""
        _syscall(_RESTRICT_SELF, self._descriptor, 0)
        os.close(self._descriptor)

    def _add(self, kind: int, rule: bytes) -> None:
        _syscall(_ADD_RULE, self._descriptor, kind, rule, 0)


def _prctl(option: int, value: int) -> None:
    _check(_libc().prctl(option, value, 0, 0, 0))


def _syscall(*words: object) -> int:
    return _check(
        _libc().syscall(*(ctypes.c_long(word) if isinstance(word, int) else word for word in words))
    )


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
