"""Logs warnings that clients can cause, so rarely that they cannot fill the log."""

import asyncio
import logging
from typing import Any, Final

_SECONDS: Final = 60.0


class RareWarnings:
    """Logs one warning a minute at most; the others are dropped."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._logged_at: float | None = None

    def warn(self, text: str, *values: Any) -> None:
        """Log a warning, unless the last one is less than a minute old."""
        now = asyncio.get_running_loop().time()
        if self._logged_at is None or now - self._logged_at >= _SECONDS:
            self._logged_at = now
            self._log.warning(text, *values)
