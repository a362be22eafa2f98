"""Settings for all tests."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.effort import choose_profile

# A shell that starts pytest in the background ignores Ctrl-C, and all child processes would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

choose_profile()

_LONGEST = ("packaging", "benchmarks", "end_to_end", "client/conformance", "documents", "architecture")
"""Folders with the longest files: they come first, so that none keeps one process busy when the others have ended."""

_installing = pytest.StashKey["subprocess.Popen[bytes]"]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Begin to install the counterparts of tests, in the first process of a run of the whole suite in several."""
    config = session.config
    is_whole = config.args_source is not pytest.Config.ArgsSource.ARGS
    if is_whole and config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        # What it prints would mix with the report: a test that needs the package fails with the same reason.
        config.stash[_installing] = subprocess.Popen(
            [sys.executable, "-m", "tests.counterparts"],
            cwd=config.rootpath,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End what still installs."""
    installing = session.config.stash.get(_installing, None)
    if installing is not None and installing.poll() is None:
        os.killpg(installing.pid, signal.SIGTERM)
        installing.wait()


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
