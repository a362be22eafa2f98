"""The pages about the audit say what the code does: every word, every example, every mapping."""

import re
import shlex

from ambassador_admin.output.export import ExportFormat, cef, ocsf
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.query import MAX_TEXT
from ambassador_server.domain.audit.query_fields import FIELDS, TIME_FIELDS
from ambassador_server.domain.audit.query_parser import MAX_DEPTH, MAX_LENGTH, MAX_TERMS, parse_query
from ambassador_server.storage.audit_conditions import MAX_BRANCHES, MAX_NAMES
from tests.conformance.store_samples import NOW
from tests.documents.build import ROOT

QUERY = (ROOT / "docs/audit-query.md").read_text()
EXPORT = (ROOT / "docs/audit-export.md").read_text()


def table(page: str, first: str) -> list[list[str]]:
    """Return the rows of the table whose header begins like this."""
    lines = page[page.index(f"| {first} |") :].splitlines()[2:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def test_table_of_words_is_the_language() -> None:
    closed = {"action": "an action"}
    expected = [
        [
            f"`{name}`",
            word.meaning,
            closed.get(name)
            or ("any text" if word.values is None else ", ".join(f"`{value}`" for value in word.values)),
        ]
        for name, word in FIELDS.items()
    ]
    expected += [[f"`{name}`", word.meaning, "a time or a duration"] for name, word in TIME_FIELDS.items()]
    assert table(QUERY, "word") == expected


def test_limits_are_those_of_the_code() -> None:
    for limit in (MAX_LENGTH, MAX_TERMS, MAX_DEPTH, MAX_TEXT, MAX_BRANCHES, MAX_NAMES):
        assert re.search(rf"\b{limit:,}\b", QUERY), limit


def test_examples_can_be_read() -> None:
    examples = re.findall(r"^\$ ambassador-admin audit \w+ (.+)$", QUERY, re.MULTILINE)
    assert len(examples) == 8
    for example in examples:
        words = shlex.split(example)
        said = [word for word in words if re.match(r"[a-z]+[~=]", word)]
        said += [words[at + 1] for at, word in enumerate(words) if word == "--where"]
        assert said
        for text in said:
            parse_query(text, NOW)


def test_formats_and_the_keys_of_cef_are_those_of_the_code() -> None:
    assert [row[0] for row in table(EXPORT, "`--format`")] == [f"`{name}`" for name in ExportFormat]
    rows = {row[0].strip("`"): (row[1].strip("`"), row[2]) for row in table(EXPORT, "key")}
    assert {key: rows[key] for key in cef.VALUES} == {
        key: ("", f"`{field}`") for key, field in cef.VALUES.items()
    }
    assert {key: rows[key] for key in cef.CUSTOM} == {
        key: (label, f"`{field}`") for key, (label, field) in cef.CUSTOM.items()
    }


def test_classes_of_ocsf_are_those_of_the_code() -> None:
    assert table(EXPORT, "action") == [
        [f"`{area}:...`", f"{kind.uid} {kind.name}"] for area, kind in ocsf.CLASSES.items()
    ]
    written: dict[int, dict[str, tuple[int, str]]] = {}
    for uid, verbs, activity in table(EXPORT, "in class"):
        number, _, name = activity.partition(" ")
        for verb in re.findall(r"`([\w-]+)`", verbs):
            written.setdefault(int(uid), {})[verb] = (int(number), name)
    assert written == ocsf.ACTIVITIES


def test_every_area_of_an_action_has_a_class() -> None:
    assert {action.partition(":")[0] for action in AuditAction} <= ocsf.CLASSES.keys()
