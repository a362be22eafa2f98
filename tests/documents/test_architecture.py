"""The files that the architecture page names exist, and its lists are complete."""

import re

import pytest

from ambassador_server.domain.policy.decision import Reason
from tests.architecture.test_sizes import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()


def test_every_file_it_names_exists():
    named = re.findall(r"`((?:ambassador_|docs/)[\w/.-]+)`", PAGE)
    paths = [name for name in named if "/" in name]
    assert paths
    assert [name for name in paths if not (ROOT / name).exists()] == []


def test_it_lists_every_reason():
    listed = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert listed == [reason.value for reason in Reason]


@pytest.mark.parametrize(
    "change",
    [
        "face",
        "foreign gateway",
        "era",
        "MCP method",
        "question",
        "downstream transport",
        "authenticator",
        "secret store",
        "audit sink",
        "clock-driven job",
        "database",
        "admin noun",
    ],
)
def test_it_says_where_each_change_belongs(change: str):
    rows = re.findall(rf"^\| another {re.escape(change)}\b[^|]*\| (.+) \|$", PAGE, re.MULTILINE)
    assert [re.search(r"`[\w/.-]+`", row) is not None for row in rows] == [True]
