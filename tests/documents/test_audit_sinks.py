"""docs/audit-sinks.md: its examples parse, its tables are those of the models, every kind has its section."""

import re
from pathlib import Path

import pytest

from ambassador_server.audit_sinks import known_sinks
from ambassador_server.config import load_config
from tests.documents import sinks
from tests.documents.build import ROOT

TEXT = (ROOT / sinks.PAGE).read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def test_tables_are_those_of_the_models() -> None:
    assert sinks.page(ROOT) == TEXT, "run make docs"
    assert sorted(sinks.tables(TEXT)) == sorted(sinks.words())


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_a_configuration(example: str, tmp_path: Path) -> None:
    file = tmp_path / "server.yaml"
    file.write_text(example)
    assert load_config({}, {}, file).audit.sinks


def test_every_kind_has_a_section_and_an_example() -> None:
    shown = set(re.findall(r"type: (\w+)", "".join(EXAMPLES)))
    assert shown == set(known_sinks()) == set(re.findall(r"^## (\w+)$", TEXT, re.MULTILINE)) - {"Secrets"}
