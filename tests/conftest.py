"""Settings for all tests."""

import signal
from pathlib import Path

import pytest

from tests.effort import choose_profile

# A shell that starts pytest in the background ignores Ctrl-C, and all child processes would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

choose_profile()

_LONGEST = ("packaging", "client/conformance", "benchmarks", "end_to_end", "documents", "architecture")
"""Folders with the longest files: they come first, so that none keeps one process busy when the others have ended."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_rank)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests have recorded."""
    reports = [each for outcome in ("passed", "failed") for each in terminalreporter.getreports(outcome)]
    figures = [figure for report in reports for figure in report.user_properties]
    if figures:
        terminalreporter.section("figures")
        for name, value in figures:
            terminalreporter.write_line(f"{name}: {value}")


def _rank(item: pytest.Item) -> int:
    path = item.path.relative_to(Path(__file__).parent).as_posix()
    return next(
        (rank for rank, folder in enumerate(_LONGEST) if path.startswith(f"{folder}/")), len(_LONGEST)
    )
