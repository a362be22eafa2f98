"""An auditor writes down the end of the log, and finds every later loss with it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.test_audit_anchors import cut_off_at_an_earlier_checkpoint
from tests.end_to_end.world import running
from tests.rig import Rig


def cut_off(audit: Path) -> None:
    cut_off_at_an_earlier_checkpoint(audit / "main", audit)


def change_the_last_record(audit: Path) -> None:
    """Leave the log of a server that went on differently: whole by itself, but not the one with the anchor."""
    last = sorted((audit / "main").glob("*.jsonl"))[-1]
    lines = last.read_bytes().splitlines(keepends=True)
    last.write_bytes(b"".join([*lines[:-2], lines[-2].replace(b'"at":"2', b'"at":"3', 1), lines[-1]]))


def delete_the_server(audit: Path) -> None:
    shutil.rmtree(audit / "main")


def delete_the_command_line(audit: Path) -> None:
    shutil.rmtree(audit / "main-init")


@pytest.mark.parametrize(
    ("attack", "word"),
    [
        (cut_off, "the log ends with record"),
        (change_the_last_record, "record"),
        (delete_the_server, "the anchor is record"),
        (delete_the_command_line, "the anchor is record"),
    ],
)
def test_anchor_finds_what_was_lost(
    tmp_path: Path, prepared: Rig, attack: Callable[[Path], None], word: str
) -> None:
    with running(tmp_path, prepared) as world:
        rig, audit, stored = world.rig, world.rig.data_dir / "audit", tmp_path / "anchors.txt"
        words = ("ambassador-server", "audit")
        here = ("--data-dir", str(rig.data_dir))
        assert rig.stop() == 0
        world.start()
        stored.write_text(rig.run(*words, "anchor", *here).stdout)
        told = json.loads(rig.run(*words, "anchor", *here, "--json").stdout)
        assert {each["writer"] for each in told} == {"main", "main-init"}
        assert all(f"{each['writer']}:{each['seq']}:{each['digest']}" in stored.read_text() for each in told)
        verify = (*words, "verify", *here, "--anchor", str(stored))
        assert "is in it" in rig.run(*verify).stdout
        assert rig.stop() == 0
        rig.run(*verify)
        stored.write_text(rig.run(*words, "anchor", *here).stdout)
        rig.run(*verify)
        copy, key = tmp_path / "copy", Path(rig.facts["audit_key_file"])
        shutil.copytree(audit, copy)
        offline = ("audit", "verify", "--offline", str(copy), "--key", str(key), "--anchor", str(stored))
        rig.admin(*offline)
        attack(audit)
        attack(copy)
        assert word in rig.run(*verify, expect=1).stderr
        assert word in rig.run(*verify, "--offline", str(copy), expect=1).stderr
        assert word in rig.admin(*offline, expect=1).stderr
        rig.run(*words, "verify", *here, "--anchor", str(key), expect=2)
