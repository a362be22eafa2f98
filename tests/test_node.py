"""npm packages of the tests are installed completely or not at all."""

from pathlib import Path

import pytest

from tests import node

WANTED = "left-pad@1.3.0"


def test_packages_that_cannot_be_installed_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    node.node()
    monkeypatch.setattr(node, "LOCKS", tmp_path)
    monkeypatch.setattr(node, "SHARE", tmp_path / "share")
    (tmp_path / f"{WANTED}.json").write_text("no JSON")
    for _ in range(2):
        with pytest.raises(AssertionError, match="npm ci failed"):
            node.packages(WANTED)
    assert [path.name for path in (tmp_path / "share").iterdir()] == ["node.lock"]


def test_a_machine_without_node_skips_and_a_gate_without_it_fails(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(node, "_find", lambda: (None, "no wheel"))
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no wheel"):
        node.node()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no wheel"):
        node.node()
