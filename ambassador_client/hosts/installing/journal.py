"""What we did to the files of applications: the last states, to put them back, and what we made ourselves."""

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

_MAX_STEPS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedParts:
    """What in a file is ours: the entry as we wrote it, the containers we made, the whole file."""

    entry: dict[str, Any] | None = None
    containers: Sequence[str] = ()
    file: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change: the copy of the file before it, None when there was none, the digest after it, what was ours."""

    run: str
    file: str
    backup: str | None
    after: str | None
    ours: OwnedParts


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What we know of one application's file, the newest step last."""

    ours: OwnedParts = field(default_factory=OwnedParts)
    steps: tuple[Step, ...] = ()


class Journal:
    """Keeps a record and the copies of each application in a directory of the user alone."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def record(self, host: str) -> Record:
        """Return what is known of the application; raises HostFileError when the record is damaged."""
        path = self._path(host)
        try:
            data = json.loads(path.read_bytes())
            steps = tuple(Step(**{**each, "ours": OwnedParts(**each["ours"])}) for each in data["steps"])
            return Record(ours=OwnedParts(**data["ours"]), steps=steps)
        except FileNotFoundError:
            return Record()
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise HostFileError(
                f"{path} cannot be read", "Move it away; undo forgets that change."
            ) from error

    def record_change(
        self, host: str, run: str, file: Path, before: bytes | None, after: bytes | None, ours: OwnedParts
    ) -> Record:
        """Keep a copy of the file and note the change that follows; return the record as it was."""
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
        """Put the record in place of the one before."""
        write_private_file(self._path(host), json.dumps(asdict(record), indent=1))

    def backup(self, step: Step) -> bytes | None:
        """Return the copy a step has kept; raises HostFileError when it is gone."""
        if step.backup is None:
            return None
        try:
            return (self._directory / step.backup).read_bytes()
        except OSError as error:
            raise HostFileError(f"the copy of {step.file} is gone: {error.strerror}") from error

    def delete_backup(self, step: Step) -> None:
        """Delete the copy of a step that nobody can go back to any more; one that stays is in nobody's way."""
        if step.backup is not None:
            with suppress(SettingsError):
                remove_private_file(self._directory / step.backup)

    def remove_last_step(self, host: str) -> None:
        """Forget the newest step: the file is as it was before."""
        record = self.record(host)
        self.save(host, replace(record, ours=record.steps[-1].ours, steps=record.steps[:-1]))
        self.delete_backup(record.steps[-1])

    def _path(self, host: str) -> Path:
        return self._directory / f"{host}.json"
