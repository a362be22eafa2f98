"""Collects what is wrong with a list of a downstream, for administrators to read."""

from collections.abc import Callable
from typing import Final

from ambassador_server.domain.catalog.mcps import LeftOutTool, ToolListReport

MOST_KEPT: Final = 20
"""How many of the tools that are left out are named, and how many warnings are kept."""
MAX_NAME_CHARACTERS: Final = 256
"""The longest name that a tool or a prompt may have."""


class ListFaults:
    """Collects the items of one list that cannot be offered, the first of them with the reasons, and warnings.

    `what` says what one item is. Tools that are left out are counted and named; other items are warned of. `hide`
    takes the credential out of what the downstream has written.
    """

    def __init__(self, what: str = "tool", hide: Callable[[str], str] = str) -> None:
        self.count = 0
        self.first: list[LeftOutTool] = []
        self.warnings: list[str] = []
        self._more_warnings = 0
        self._what = what
        self._hide = hide

    def result(self) -> ToolListReport:
        """Return what was wrong with the list."""
        more = [f"{self._more_warnings} more warnings"] if self._more_warnings else []
        return ToolListReport(
            left_out_count=self.count, left_out=tuple(self.first), warnings=(*self.warnings, *more)
        )

    def leave_out(self, name: str, reason: str) -> None:
        """Leave an item out; name and reason may have text of the downstream, the name is empty if it gave none."""
        if self._what != "tool":
            self.warn(f"the {self._what} '{self._shown(name)}' is left out: {self._shown(reason)}")
            return
        self.count += 1
        if len(self.first) < MOST_KEPT:
            self.first.append(LeftOutTool(name=self._shown(name), reason=self._shown(reason)))

    def warn(self, text: str) -> None:
        """Warn of something that costs no tool; the text may have text of the downstream."""
        shown = self._shown(text)
        if len(self.warnings) < MOST_KEPT:
            # A page that is sent twice has the same faults.
            self.warnings += [] if shown in self.warnings else [shown]
        else:
            self._more_warnings += 1

    def _shown(self, text: str) -> str:
        """Return the beginning of a text of a downstream, on one line and without control characters."""
        text = self._hide(text)
        cut = text if len(text) <= MAX_NAME_CHARACTERS else text[:MAX_NAME_CHARACTERS] + "…"
        return cut if cut.isprintable() else cut.encode("unicode_escape").decode()


def joined_reports(reports: "list[ToolListReport]") -> ToolListReport:
    """Return the reports on several lists as one."""
    return ToolListReport(
        left_out_count=sum(report.left_out_count for report in reports),
        left_out=tuple(tool for report in reports for tool in report.left_out),
        warnings=tuple(warning for report in reports for warning in report.warnings),
    )
