"""Says how much of the audit log an answer lacks."""

from collections.abc import Mapping
from typing import Any

from ambassador_admin.context.invocation import Invocation


def tell_lag(admin: Invocation, answer: Mapping[str, Any]) -> None:
    """Say it on stderr if the index, from which the server answers, is behind the log."""
    lag = answer.get("index")
    if not isinstance(lag, dict) or not lag.get("behind_records"):
        return
    until = lag.get("indexed_until")
    known = "" if until is None else f"; the newest event that it has is of {until}"
    admin.output.say(f"The index lacks about {lag['behind_records']} records of the audit log{known}.")
