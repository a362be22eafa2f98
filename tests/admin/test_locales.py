"""Documents for programs are valid whatever encoding the locale gives stdout."""

import csv
import io
import json

import pytest
import yaml

from tests.admin.fake_api import FakeApi
from tests.admin.shell import Shell
from tests.patience import PATIENCE

NAME = "Ångström 日本 🌍"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize("format", ["json", "jsonl", "yaml", "csv"])
def test_document_is_valid_in_every_encoding(shell: Shell, api: FakeApi, encoding: str, format: str) -> None:
    api.add_user("alice", display_name=NAME)
    shell.environ["PYTHONIOENCODING"] = encoding
    process = shell.start("user", "show", "alice", "-o", format, encoding=encoding)
    shown, _ = process.communicate(timeout=PATIENCE)
    if format == "csv":
        (row,) = csv.DictReader(io.StringIO(shown))
        assert row["name"] == "alice"
    else:
        found = yaml.safe_load(shown) if format == "yaml" else json.loads(shown)
        assert found["display_name"] == NAME


@pytest.mark.parametrize("locale", ["C", "POSIX", "en_US.ISO-8859-1", "no_such_LOCALE"])
def test_document_is_valid_in_every_locale(shell: Shell, api: FakeApi, locale: str) -> None:
    api.add_user("alice", display_name=NAME)
    shell.environ |= {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    process = shell.start("user", "list", "-o", "json", encoding="ascii")
    assert json.loads(process.communicate(timeout=PATIENCE)[0])[0]["display_name"] == NAME
