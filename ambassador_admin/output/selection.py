"""Selects parts of a document with a jq expression, given with --jq."""

import json
from typing import Any

from ambassador_admin.errors import AdminError, UsageError

_MANUAL = "for example '.[].name'; https://jqlang.org/manual describes the language"


class Selection:
    """A jq expression; raises UsageError if it is none."""

    def __init__(self, expression: str) -> None:
        if not expression.strip():
            raise UsageError("--jq names no expression.", hint=_MANUAL)
        # Not above: only commands with --jq need the library.
        try:
            import jq  # type: ignore[import-not-found] # noqa: PLC0415 - it is Cython without annotations
        except ImportError:
            raise AdminError(
                "--jq needs the library jq, which is not installed here.", hint="pip install jq"
            ) from None
        try:
            self._program = jq.compile(expression)
        except ValueError as error:
            raise UsageError(f"--jq: {_first_line(error)}.", hint=_MANUAL) from None

    def lines(self, document: Any) -> list[str]:
        """Return each result as a line: a text as it is, anything else as JSON; raises UsageError."""
        try:
            results = self._program.input_text(json.dumps(document)).all()
        except ValueError as error:
            raise UsageError(f"--jq: {_first_line(error)}.", hint=_MANUAL) from None
        return [each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in results]


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].removeprefix("jq: error: ").rstrip(".:") or "it failed"
