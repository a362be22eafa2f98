"""Plans and makes the changes of `install`, `uninstall` and `undo` to the files of applications."""

import difflib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

from ambassador_client.errors import ChangedMeanwhileError, HostFileError, one_line
from ambassador_client.hosts.formats.editor import FormatError, find, is_same, without_entry
from ambassador_client.hosts.installing import host_file
from ambassador_client.hosts.installing.host import Host, Launch, Machine
from ambassador_client.hosts.installing.host_file import HostFile
from ambassador_client.hosts.installing.journal import Journal, OwnedParts


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A planned change of a file: `after` is its new content, None deletes it; `result` is one word for people."""

    host: Host
    found: HostFile
    after: bytes | None
    result: str
    ours: OwnedParts

    @property
    def is_needed(self) -> bool:
        """Tell whether the content changes."""
        return self.after != self.found.content


class Installer:
    """Makes the changes of one run; every method raises ClientError and leaves the file unchanged on failure."""

    def __init__(self, machine: Machine, journal: Journal) -> None:
        self._machine = machine
        self._journal = journal
        self._run = f"{time.time_ns()}-{os.getpid()}"

    def plan_install(self, host: Host, launch: Launch) -> Change:
        """Return the change that adds or updates the entry."""
        if (reason := host.blocking_reason(self._machine)) is not None:
            raise HostFileError(reason)
        found = host_file.read_host_file(self._machine.local(host.file(self._machine)))
        ours = self._journal.record(host.name).ours
        data = _load(host, found)
        existing = find(data, host.entry_path)
        entry = _merged(host, existing, host.entry(launch))
        text = found.text
        if found.content is None:
            for key, value in host.skeleton.items():
                text = host.editor.put(text, (key,), value)
        after = _edited(host, found, lambda: host.editor.put(text, host.entry_path, entry))
        made_container = find(data, host.entry_path[:1]) is None
        now = OwnedParts(
            entry=entry,
            containers=[host.container] if made_container else ours.containers,
            file=found.content is None or ours.file,
        )
        result = "added" if existing is None else "unchanged" if after == found.content else "updated"
        return Change(host=host, found=found, after=after, result=result, ours=now)

    def plan_uninstall(self, host: Host) -> Change:
        """Return the change that removes the entry, and its container and file if `install` created them."""
        found = host_file.read_host_file(self._machine.local(host.file(self._machine)))
        if find(_load(host, found), host.entry_path) is None:
            return Change(host=host, found=found, after=found.content, result="absent", ours=OwnedParts())
        ours = self._journal.record(host.name).ours
        text = host.editor.remove(found.text, host.entry_path)
        if host.container in ours.containers and not find(host.editor.load(text), host.entry_path[:1]):
            text = host.editor.remove(text, host.entry_path[:1])
        after: bytes | None = _edited(host, found, lambda: text)
        if ours.file and is_same(host.editor.load(text), dict(host.skeleton)):
            after = None
        return Change(host=host, found=found, after=after, result="removed", ours=OwnedParts())

    def plan_undo(self, host: Host) -> Change | None:
        """Return the change that reverts the newest one; None if there is none."""
        record = self._journal.record(host.name)
        if not record.steps:
            return None
        step = record.steps[-1]
        found = host_file.read_host_file(Path(step.file))
        before = self._journal.backup(step)
        back = Change(host=host, found=found, after=before, result="restored", ours=step.ours)
        if host_file.digest(found.content) != step.after:
            raise ChangedSinceError(back)
        return back

    def make(self, change: Change) -> None:
        """Make a change of `plan_install` or `plan_uninstall`, after a backup of the file."""
        if not change.is_needed:
            return
        host = change.host.name
        found = change.found
        record = self._journal.record_change(
            host, self._run, found.path, found.content, change.after, change.ours
        )
        try:
            host_file.replace_host_file(found, change.after)
        except BaseException:
            self._journal.delete_backup(self._journal.record(host).steps[-1])
            self._journal.save(host, record)
            raise

    def undo(self, change: Change) -> None:
        """Make a change of `plan_undo`."""
        host_file.replace_host_file(change.found, change.after)
        self._journal.remove_last_step(change.host.name)

    def last_run(self, hosts: tuple[Host, ...]) -> tuple[Host, ...]:
        """Return the hosts whose newest change belongs to the newest run."""
        newest = {host: steps[-1].run for host in hosts if (steps := self._journal.record(host.name).steps)}
        last = max(newest.values(), default=None)
        return tuple(host for host in hosts if newest.get(host) == last and last is not None)


class ChangedSinceError(ChangedMeanwhileError):
    """The file was changed since the recorded change; `back` is the change that was not made."""

    def __init__(self, back: Change) -> None:
        super().__init__(
            f"{back.found.path} was changed by another program and was not restored",
            "Restore the lines you want by hand.",
        )
        self.back = back


def unified_diff(change: Change) -> Iterator[str]:
    """Yield the lines of a unified diff of the file, without control characters."""
    before, after = (_lines(content) for content in (change.found.content, change.after))
    name = str(change.found.path)
    old, new = ("/dev/null" if content is None else name for content in (change.found.content, change.after))
    for line in difflib.unified_diff(before, after, old, new, lineterm=""):
        yield "".join(char if char.isprintable() or char == "\t" else "?" for char in line)


def starts_this_client(entry: Any) -> bool:
    """Tell whether an entry starts this program."""
    words = entry.values() if isinstance(entry, dict) else ()
    programs = [word[0] if isinstance(word, list) and word else word for word in words]
    # PureWindowsPath accepts slashes and backslashes.
    starts = any(
        isinstance(word, str) and PureWindowsPath(word).stem == "ambassador-client" for word in programs
    )
    return starts or any(isinstance(word, list) and "ambassador_client" in word for word in words)


def _lines(content: bytes | None) -> list[str]:
    return (content or b"").decode(errors="replace").splitlines()


def _merged(host: Host, existing: Any, entry: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(existing, dict) or not starts_this_client(existing):
        return entry
    managed = host.managed()
    kept = {key: value for key, value in existing.items() if key not in managed or key in entry}
    return {**entry, **kept, **{key: value for key, value in entry.items() if key in managed}}


def _load(host: Host, found: HostFile) -> Any:
    try:
        return host.editor.load(found.text)
    except FormatError as error:
        raise _malformed(found, error) from error


def _malformed(found: HostFile, error: FormatError) -> HostFileError:
    return HostFileError(
        f"{found.path} cannot be edited: {one_line(str(error))}", "Correct it, then try again."
    )


def _edited(host: Host, found: HostFile, edit: Callable[[], str]) -> bytes:
    """Return the new content after a check that only the entry has changed; raises HostFileError."""
    try:
        text = edit()
        before, after = host.editor.load(found.text), host.editor.load(text)
    except FormatError as error:
        raise _malformed(found, error) from error
    if found.content is not None and not is_same(
        without_entry(before, host.entry_path), without_entry(after, host.entry_path)
    ):
        raise HostFileError(
            f"{found.path} cannot be edited safely",
            "Add the entry by hand; see: ambassador-client hosts print.",
        )
    return found.encoded(text)
