"""Records the changes to the files of applications: backups for `undo`, and the parts that `install` created."""

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ambassador_client.account.atomic_files import remove_private_file, write_private_file
from ambassador_client.errors import HostFileError, SettingsError
from ambassador_client.hosts.installing.host_file import digest
from ambassador_protocol.json_text import parse_object

_MAX_STEPS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedParts:
    """The parts of a file that `install` created: the entry as written, containers, the file itself."""

    entry: dict[str, Any] | None = None
    containers: Sequence[str] = ()
    file: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change: the name of the backup, None if the file was new; the digest after it; the owned parts before it."""

    run: str
    file: str
    backup: str | None
    after: str | None
    ours: OwnedParts


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The record of one application's file, newest step last."""

    ours: OwnedParts = field(default_factory=OwnedParts)
    steps: tuple[Step, ...] = ()


class Journal:
    """Stores the record and the backups of each application in a private directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def record(self, host: str) -> Record:
        """Return the record of the application, empty if there is none; raises HostFileError if it is damaged."""
        path = self._path(host)
        try:
            data = parse_object(path.read_bytes())
            steps = tuple(Step(**{**each, "ours": OwnedParts(**each["ours"])}) for each in data["steps"])
            return Record(ours=OwnedParts(**data["ours"]), steps=steps)
        except FileNotFoundError:
            return Record()
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise HostFileError(
                f"{path} cannot be read", "Move it away; undo is not possible then."
            ) from error

    def record_change(
        self, host: str, run: str, file: Path, before: bytes | None, after: bytes | None, ours: OwnedParts
    ) -> Record:
        """Back up the file and record the change about to be made; return the previous record."""
        record = self.record(host)
        backup = None
        if before is not None:
            stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            backup = f"{host}-{stamp}-{os.urandom(3).hex()}{file.suffix}"
            write_private_file(self._directory / backup, before)
        step = Step(run=run, file=str(file), backup=backup, after=digest(after), ours=record.ours)
        steps = (*record.steps, step)
        self.save(host, Record(ours=ours, steps=steps[-_MAX_STEPS:]))
        for old in steps[:-_MAX_STEPS]:
            self.delete_backup(old)
        return record

    def save(self, host: str, record: Record) -> None:
        """Save the record, replacing the previous one."""
        write_private_file(self._path(host), json.dumps(asdict(record), indent=1))

    def backup(self, step: Step) -> bytes | None:
        """Return the backup of a step, None if the file was new; raises HostFileError if the backup is missing."""
        if step.backup is None:
            return None
        try:
            return (self._directory / step.backup).read_bytes()
        except OSError as error:
            raise HostFileError(f"the backup of {step.file} cannot be read: {error.strerror}") from error

    def delete_backup(self, step: Step) -> None:
        """Delete the backup of a step; a failure is ignored, because a leftover backup is harmless."""
        if step.backup is not None:
            with suppress(SettingsError):
                remove_private_file(self._directory / step.backup)

    def remove_last_step(self, host: str) -> None:
        """Delete the newest step, after the file was restored."""
        record = self.record(host)
        self.save(host, replace(record, ours=record.steps[-1].ours, steps=record.steps[:-1]))
        self.delete_backup(record.steps[-1])

    def _path(self, host: str) -> Path:
        return self._directory / f"{host}.json"
