"""Collects what is wrong with the list of tools of a downstream, for administrators to read."""

from typing import Final

from ambassador_server.domain.catalog.mcps import LeftOutTool, ToolListReport

MOST_KEPT: Final = 20
"""How many of the tools that are left out are named, and how many warnings are kept."""
MAX_NAME_CHARACTERS: Final = 256
"""The longest name that a tool may have."""


class ListFaults:
    """Collects the tools of one list that cannot be offered, the first of them with the reasons, and warnings."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[LeftOutTool] = []
        self.warnings: list[str] = []
        self._more_warnings = 0

    def result(self) -> ToolListReport:
        """Return what was wrong with the list."""
        more = [f"{self._more_warnings} more warnings"] if self._more_warnings else []
        return ToolListReport(
            left_out_count=self.count, left_out=tuple(self.first), warnings=(*self.warnings, *more)
        )

    def leave_out(self, name: str, reason: str) -> None:
        """Leave a tool out; name and reason may have text of the downstream, the name is empty if it gave none."""
        self.count += 1
        if len(self.first) < MOST_KEPT:
            self.first.append(LeftOutTool(name=_shown(name), reason=_shown(reason)))

    def warn(self, text: str) -> None:
        """Warn of something that costs no tool; the text may have text of the downstream."""
        shown = _shown(text)
        if len(self.warnings) < MOST_KEPT:
            # A page that is sent twice has the same faults.
            self.warnings += [] if shown in self.warnings else [shown]
        else:
            self._more_warnings += 1


def _shown(text: str) -> str:
    """Return the beginning of a text of a downstream, on one line and without control characters."""
    cut = text if len(text) <= MAX_NAME_CHARACTERS else text[:MAX_NAME_CHARACTERS] + "…"
    return cut if cut.isprintable() else cut.encode("unicode_escape").decode()
