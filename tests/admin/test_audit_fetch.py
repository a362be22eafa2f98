"""`audit fetch` trusts no name or length that the server gives, and keeps what was fetched before."""

import json
from pathlib import Path

import pytest

from ambassador_protocol import paths
from tests.admin.fake_api import FakeApi
from tests.admin.fake_state import AUDITOR_KEY, Item
from tests.admin.shell import Shell

FILES = ("GET", paths.AUDIT_FILES)
FILE = {"writer": "node-1", "name": "00000001.jsonl", "size": 6, "closed": True}
CONTENT = ("GET", f"{paths.AUDIT_FILES}/node-1/00000001.jsonl")


def offer(api: FakeApi, *files: Item) -> None:
    """Let the server list these files."""
    api.broken_answers[FILES] = (200, json.dumps({"items": files, "next_cursor": None}))


@pytest.fixture
def auditor(home: Shell, api: FakeApi) -> Shell:
    return home.at(api.url, AUDITOR_KEY)


@pytest.mark.parametrize(
    "more",
    [
        {"writer": ".."},
        {"writer": "../keys"},
        {"writer": ""},
        {"writer": None},
        {"name": "../00000001.jsonl"},
        {"name": "authorized_keys"},
        {"name": "audit-key-0123456789abcdef.pem"},
        {"size": -1},
        {"size": "6"},
    ],
)
def test_file_outside_of_a_log_is_refused(auditor: Shell, api: FakeApi, tmp_path: Path, more: Item) -> None:
    offer(api, FILE | more)
    done = auditor.run("audit", "fetch", str(tmp_path / "copy"))
    assert (done.code, "is no file of an audit log" in done.err) == (1, True)
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    ("sent", "code", "complaint", "kept"),
    [
        ("line1\n", 0, "6 bytes were fetched", "line1\n"),
        ("lin", 7, "ended 3 bytes too early", "lin"),
        ("line1\nline2\n", 1, "longer than 6 bytes", ""),
    ],
)
def test_answer_must_have_the_length_that_was_listed(
    auditor: Shell, api: FakeApi, tmp_path: Path, sent: str, code: int, complaint: str, kept: str
) -> None:
    offer(api, FILE)
    api.broken_answers[CONTENT] = (200, sent)
    done = auditor.run("audit", "fetch", str(tmp_path / "copy"))
    assert (done.code, complaint in done.err) == (code, True), done.err
    assert (tmp_path / "copy" / "node-1" / "00000001.jsonl").read_text() == kept
    if code == 7:
        assert "the same command continues" in done.err
        api.broken_answers[CONTENT] = (200, "e1\n")
        assert auditor.run("audit", "fetch", str(tmp_path / "copy")).code == 0
        asked = [path for method, path, _ in api.requests if path.startswith(CONTENT[1])]
        assert asked[-1].endswith("?offset=3&end=6")
        assert (tmp_path / "copy" / "node-1" / "00000001.jsonl").read_text() == "line1\n"


def test_nothing_is_written_through_a_link_or_over_a_quarantined_segment(
    auditor: Shell, api: FakeApi, tmp_path: Path
) -> None:
    offer(api, FILE)
    writer = tmp_path / "copy" / "node-1"
    writer.mkdir(parents=True)
    target = tmp_path / "target"
    target.write_text("")
    (writer / "00000001.jsonl").symlink_to(target)
    done = auditor.run("audit", "fetch", str(tmp_path / "copy"))
    assert (done.code, "is a symbolic link" in done.err, target.read_text()) == (6, True, "")
    offer(api, FILE | {"name": "00000001.quarantined"})
    done = auditor.run("audit", "fetch", str(tmp_path / "copy"))
    assert (done.code, "quarantined it" in done.err) == (6, True)


def test_copy_that_does_not_fit_is_not_begun(auditor: Shell, api: FakeApi, tmp_path: Path) -> None:
    offer(api, FILE | {"size": 10**15})
    done = auditor.run("audit", "fetch", str(tmp_path / "copy"))
    assert (done.code, "free" in done.err) == (1, True)
    assert list((tmp_path / "copy").iterdir()) == []


def test_key_that_is_none_is_refused(auditor: Shell, api: FakeApi, tmp_path: Path) -> None:
    offer(api, FILE)
    items = [{"id": "0123456789abcdef", "signs": True, "pem": "../no key"}]
    api.broken_answers["GET", paths.AUDIT_KEYS] = (200, json.dumps({"items": items, "next_cursor": None}))
    done = auditor.run("audit", "fetch", str(tmp_path / "copy"))
    assert (done.code, "is no Ed25519 public key" in done.err) == (1, True)


def test_file_in_place_of_the_directory_is_an_error(auditor: Shell, api: FakeApi, tmp_path: Path) -> None:
    offer(api, FILE)
    (tmp_path / "copy").write_text("mine")
    done = auditor.run("audit", "fetch", str(tmp_path / "copy"))
    assert (done.code, "cannot be written" in done.err) == (1, True)
    assert "hint: name a new directory" in done.err
    assert (tmp_path / "copy").read_text() == "mine"
