"""docs/hosts.md: its tables match the code, and every application has a row in the table of sources."""

import re
from pathlib import Path

import pytest

import ambassador_client.hosts
from ambassador_client.account.atomic_files import _RETRY_SECONDS
from ambassador_client.hosts.installing.registry import all_hosts
from ambassador_client.proxy.parent_process import POLL_SECONDS
from tests.documents import hosts
from tests.documents.build import ROOT

TEXT = (ROOT / hosts.PAGE).read_text(encoding="utf-8")


def test_tables_match_code() -> None:
    assert hosts.page(ROOT) == TEXT, "run make docs"
    assert TEXT.count("<!-- end -->") == 2


def test_every_application_has_a_source() -> None:
    sources = TEXT.partition("## Sources")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \| \S", sources, re.MULTILINE) == [host.name for host in all_hosts()]


def test_every_variable_that_moves_a_file_is_listed() -> None:
    folder = Path(ambassador_client.hosts.__file__).parent
    read = {
        name
        for path in folder.glob("*.py")
        for name in re.findall(r'(?:path_from|directory)\(\s*"(\w+)"', path.read_text())
    }
    assert len(read) >= 12
    assert {name for name in read if f"`{name}`" not in TEXT} - {"LOCALAPPDATA"} == set()


def test_figures_match_code() -> None:
    assert f"{sum(_RETRY_SECONDS):.1f} s" in TEXT
    assert pytest.approx(120) == POLL_SECONDS
