"""Owns whether the audit log takes records: it does, it failed and is tried again, or it is closed."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from ambassador_server.errors import ConfigurationError

_log = logging.getLogger(__name__)


class Availability:
    """The state of one log; no other class decides about it.

    `failure` says why the log takes no records, None while it does. `discard` refuses what is queued and returns how
    many records that were. `resume` makes the log writable again, given the failure and how many records were
    refused; it raises OSError or ConfigurationError when it cannot.
    """

    def __init__(
        self,
        path: Path,
        retry_interval: float,
        *,
        discard: Callable[[str], int],
        resume: Callable[[str | None, int], None],
    ) -> None:
        self.failure: str | None = None
        self.is_closed = False
        self._path = path
        self._retry_interval = retry_interval
        self._discard = discard
        self._resume = resume
        self._loop = asyncio.get_running_loop()
        self._refused = 0
        self._retry: asyncio.TimerHandle | None = None

    def count_refused(self) -> None:
        """Count one record that was refused because of the failure."""
        self._refused += 1

    def fail(self, error: OSError) -> None:
        """Refuse records from now on, and try to recover every `retry_interval` seconds."""
        if self.failure is not None:
            return
        self.failure = reason_of(error)
        _log.error("audit log %s cannot take records: %s", self._path, self.failure)
        self._refused += self._discard(refusal(self.failure))
        self._retry_later()

    def recover(self) -> None:
        """Try once to take records again after a failure; nothing happens where there is none to recover from."""
        # Records may be queued on a log that works: resuming it would reset the chain under them.
        if self.failure is None or self.is_closed:
            return
        try:
            self._resume(self.failure, self._refused)
        except (OSError, ConfigurationError) as error:
            self.failure = reason_of(error)
            self._retry_later()
            return
        _log.warning("audit log %s takes records again", self._path)
        self.failure, self._refused = None, 0
        self._cancel_retry()

    def close(self) -> bool:
        """Refuse records for good; returns whether the log took them until now."""
        was_available = self.failure is None
        self.is_closed = True
        self.failure = "it is closed"
        self._cancel_retry()
        return was_available

    def _retry_later(self) -> None:
        self._cancel_retry()
        if not self.is_closed:
            self._retry = self._loop.call_later(self._retry_interval, self.recover)

    def _cancel_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None


def reason_of(error: OSError | ConfigurationError) -> str:
    """Return the error in words without its path, because callers must not learn where the server keeps its files."""
    return (error.strerror or "input/output error") if isinstance(error, OSError) else error.message


def refusal(reason: str) -> str:
    """Return the message of an AuditUnavailableError."""
    return f"The audit log cannot take the record: {reason}."
