"""Reads and replaces a file of an application atomically, and refuses if another program has changed it."""

import hashlib
import os
import shutil
import stat
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ambassador_client.account.atomic_files import put_file, remove_file
from ambassador_client.errors import ChangedMeanwhileError, HostFileError
from ambassador_protocol.text_files import BYTE_ORDER_MARK

MAX_BYTES = 8 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFile:
    """A file as read: `real` is the target of links, `content` is None if the file does not exist."""

    path: Path
    real: Path
    content: bytes | None

    @property
    def text(self) -> str:
        """Return the text, without a byte order mark; raises HostFileError."""
        try:
            return (self.content or b"").decode().removeprefix(BYTE_ORDER_MARK)
        except UnicodeDecodeError as error:
            raise HostFileError(f"{self.path} is not UTF-8 text", "Correct it in the application.") from error

    def encoded(self, text: str) -> bytes:
        """Return the bytes of a new text, with a byte order mark if the file had one."""
        marked = (self.content or b"").startswith(BYTE_ORDER_MARK.encode())
        return (BYTE_ORDER_MARK + text if marked else text).encode()


def read_host_file(path: Path) -> HostFile:
    """Read a file that may be changed; raises HostFileError."""
    real = Path(os.path.realpath(path))
    try:
        status = real.lstat()
    except FileNotFoundError:
        if path.is_symlink():
            raise HostFileError(f"{path} is a broken link", "Repair or delete the link.") from None
        _check_parent(real)
        return HostFile(path=path, real=real, content=None)
    except OSError as error:
        raise _unreadable(path, error) from error
    _check(path, status)
    try:
        with real.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(content) > MAX_BYTES:
        raise HostFileError(f"{path} is larger than {MAX_BYTES >> 20} MB", "Is it the right file?")
    return HostFile(path=path, real=real, content=content)


def replace_host_file(found: HostFile, content: bytes | None) -> None:
    """Replace the file by the content, None deletes it; raises HostFileError or ChangedMeanwhileError."""
    try:
        if content is None:
            _check_unchanged(found)
            remove_file(found.real)
            return
        found.real.parent.mkdir(parents=True, exist_ok=True)
        put_file(found.real, content, lambda new: _prepare(found, new))
    except OSError as error:
        raise HostFileError(
            f"cannot write {found.path}: {error.strerror}",
            "Check the owner of the directory and the free space.",
        ) from error


def digest(content: bytes | None) -> str | None:
    """Return the SHA-256 of the content in hex, or None."""
    return None if content is None else hashlib.sha256(content).hexdigest()


def _prepare(found: HostFile, new: Path) -> None:
    if found.content is not None:
        _keep_attributes(found.real, new)
    _check_unchanged(found)


def _keep_attributes(original: Path, copy: Path) -> None:
    shutil.copystat(original, copy)
    os.utime(copy)  # programs that watch the file compare its time
    if sys.platform != "win32":
        status = original.stat()
        with suppress(PermissionError):  # not a member of the group; the owner and the mode are kept
            os.chown(copy, status.st_uid, status.st_gid)
            os.chmod(copy, stat.S_IMODE(status.st_mode))


def _check_unchanged(found: HostFile) -> None:
    try:
        content = found.real.read_bytes()
    except FileNotFoundError:
        content = None
    if content != found.content:
        raise ChangedMeanwhileError(f"{found.path} was changed by another program", "Try again.")


def _check(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise HostFileError(f"{path} is a directory", "Move it away.")
    if not stat.S_ISREG(status.st_mode):
        raise HostFileError(f"{path} is not a regular file", "Move it away.")
    if _has_other_owner(status):
        raise HostFileError(f"{path} belongs to another user", "Run the command as its owner.")
    if status.st_mode & 0o222 == 0:
        raise HostFileError(f"{path} is read-only", "Allow its owner to write it.")
    if status.st_size > MAX_BYTES:
        raise HostFileError(f"{path} is larger than {MAX_BYTES >> 20} MB", "Is it the right file?")


def _check_parent(real: Path) -> None:
    for directory in real.parents:
        try:
            status = directory.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _unreadable(directory, error) from error
        if not stat.S_ISDIR(status.st_mode):
            raise HostFileError(f"{directory} is not a directory", "Move it away.")
        if _has_other_owner(status):
            raise HostFileError(f"{directory} belongs to another user", "Run the command as its owner.")
        return


def _has_other_owner(status: os.stat_result) -> bool:
    return sys.platform != "win32" and status.st_uid != os.getuid()


def _unreadable(path: Path, error: OSError) -> HostFileError:
    return HostFileError(f"cannot read {path}: {error.strerror}", "Check its owner and permissions.")
