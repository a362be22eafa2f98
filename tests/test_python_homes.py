"""Virtual environments of packages at locked versions: what cannot be installed as it was locked leaves none."""

from pathlib import Path

import pytest

from tests import node, python_homes

WANTED = "h11==0.16.0"


def test_a_package_that_differs_from_its_lock_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    share = tmp_path / "share"
    monkeypatch.setattr(python_homes, "LOCKS", tmp_path)
    monkeypatch.setattr(python_homes, "SHARE", share)
    monkeypatch.setattr(node, "SHARE", share)
    (tmp_path / "h11@0.16.0.txt").write_text(f"{WANTED} --hash=sha256:{'0' * 64}\n")
    for _ in range(2):
        with pytest.raises(AssertionError, match="Hash mismatch"):
            python_homes.home(WANTED)
    assert list(share.rglob(".filled")) == []
