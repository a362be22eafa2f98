"""Checks the layout: only dialect files know a dialect, and columns have the names of the domain's fields."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from ambassador_server.errors import ConfigurationError
from ambassador_server.storage import dialects, object_mappings
from ambassador_server.storage.dialects import load
from ambassador_server.storage.object_mappings import ObjectMapping

FOLDER = Path(dialects.__file__).parent.parent
MAPPINGS = [value for value in vars(object_mappings).values() if isinstance(value, ObjectMapping)]


def test_only_dialect_files_know_a_dialect() -> None:
    words = re.compile(
        r"on_conflict|PRAGMA|RETURNING|returning\(|sqlalchemy\.dialects|pg_\w+\(|dialect\.name"
    )
    others = [path for path in FOLDER.rglob("*.py") if path.parent.name != "dialects"]
    assert len(others) > 10
    assert [path.name for path in others if words.search(path.read_text())] == []


@pytest.mark.parametrize("mapping", MAPPINGS, ids=lambda mapping: mapping.noun)
def test_columns_are_the_fields_of_the_object(mapping: ObjectMapping[object]) -> None:
    # In any order: rows are read by name, and the fields of a class that another extends come first.
    columns = sorted(column.name for column in mapping.table.columns)
    assert columns == sorted(field.name for field in fields(mapping.kind))


def test_only_a_file_of_the_folder_is_a_dialect() -> None:
    assert load("sqlite") is not load("postgresql")
    for name in ("os", "../sqlite", "dialects.sqlite", "", "Sqlite"):
        with pytest.raises(ConfigurationError):
            load(name)
