"""Tells what of an address is to be recorded, so that callers who need no credential cannot fill the audit."""

from collections import OrderedDict
from typing import Final

from ambassador_server.ports.clock import Clock

_SECONDS: Final = 60.0
_MOST: Final = 100
"""How many are recorded in a minute; a caller with many addresses cannot fill the log, either."""


class RareAddresses:
    """Lets one event a minute of each address, or of each address and reason, be recorded."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._recorded: OrderedDict[tuple[str, str], float] = OrderedDict()

    def is_due(self, address: str, reason: str = "") -> bool:
        """Tell whether to record an event, and take it for recorded then."""
        now, key = self._clock.monotonic(), (address, reason)
        while self._recorded and now - next(iter(self._recorded.values())) >= _SECONDS:
            self._recorded.popitem(last=False)
        if key in self._recorded or len(self._recorded) >= _MOST:
            return False
        self._recorded[key] = now
        return True
