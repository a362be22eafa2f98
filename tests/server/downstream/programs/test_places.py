"""What a set of rules allows of a real tree, compared with what the nearest place says."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from ambassador_server.downstream.programs.places import (
    HIDDEN,
    READABLE,
    WRITABLE,
    expand,
    own_entries,
    strictest,
)
from tests.fakes.mcp_servers import ROOT

NAMES = "ab"
DEPTH = 3
PATHS = st.lists(st.sampled_from(NAMES), max_size=DEPTH).map("/".join)
PLACES = st.dictionaries(PATHS, st.sampled_from([HIDDEN, READABLE, WRITABLE]), max_size=6)


def build(root: Path, depth: int = DEPTH) -> None:
    """Fill a directory with two directories each, and a file beside them."""
    (root / "file").touch()
    if depth:
        for name in NAMES:
            (root / name).mkdir()
            build(root / name, depth - 1)


def everything(root: Path) -> Iterator[Path]:
    yield root
    yield from root.rglob("*")


def nearest(path: Path, places: dict[str, int]) -> int:
    """Return the mode of the nearest place."""
    return next((places[str(above)] for above in (path, *path.parents) if str(above) in places), HIDDEN)


@settings(deadline=None, max_examples=60)
@given(PLACES)
def test_rules_allow_each_file_what_the_nearest_place_says_and_no_directory_more(drawn: dict[str, int]):
    with TemporaryDirectory() as name:
        root = Path(name).resolve()
        build(root)
        places = {str(root / path): mode for path, mode in drawn.items()}
        allowed = {path: mode for path, mode, _ in expand(places)}
        for path in everything(root):
            found = max((allowed.get(str(above), HIDDEN) for above in (path, *path.parents)), default=HIDDEN)
            expected = nearest(path, places)
            if path.is_file():
                assert found == expected, path
            assert found <= expected, path


def test_a_place_that_is_hidden_and_does_not_exist_yet_is_not_allowed_when_it_appears(tmp_path: Path):
    (tmp_path / "other").touch()
    allowed = [path for path, _, _ in expand({str(tmp_path): WRITABLE, str(tmp_path / "later"): HIDDEN})]
    assert allowed == [str(tmp_path / "other")]


def test_links_are_resolved_and_what_belongs_to_the_server_stays_hidden(tmp_path: Path):
    (tmp_path / "data" / "keys").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "data")
    named = [(str(tmp_path / "link" / "keys"), WRITABLE), (str(tmp_path / "data" / "keys"), READABLE)]
    assert strictest(named, [str(tmp_path / "link")]) == {str(tmp_path / "data"): HIDDEN}
    assert strictest(named, []) == {str(tmp_path / "data" / "keys"): READABLE}


def test_entries_of_a_home_directory_are_its_own_without_a_leading_dot_and_no_links(tmp_path: Path):
    for name in (".ssh", "projects", ".bashrc"):
        (tmp_path / name).touch()
    (tmp_path / "elsewhere").symlink_to("/etc")
    assert list(own_entries(str(tmp_path))) == [str(tmp_path / "projects")]
    assert list(own_entries(str(tmp_path / "none"))) == []


def test_other_mounts_of_a_directory_and_of_parts_of_it_are_found(tmp_path: Path):
    for name in ("data/keys", "whole", "part", "parent", "outside"):
        (tmp_path / name).mkdir(parents=True)
    story = f"""
mount --bind {tmp_path}/data {tmp_path}/whole && mount --bind {tmp_path}/data/keys {tmp_path}/part &&
mount --bind {tmp_path} {tmp_path}/parent && mount --bind {tmp_path}/outside {tmp_path}/outside || exit 77
exec {sys.executable} -c 'from ambassador_server.downstream.programs.places import aliases
print(*aliases("{tmp_path}/data"), sep=chr(10))'
"""
    privileged = [] if os.geteuid() == 0 else ["--map-root-user"]
    done = subprocess.run(
        ["unshare", *privileged, "--mount", "sh", "-c", story],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode in (1, 77):
        # The machine allows no mounts of one's own, so no program can make such an alias there either.
        assert done.stderr
        return
    assert done.returncode == 0, done.stderr
    expected = {f"{tmp_path}/{name}" for name in ("whole", "part", "parent/data")}
    assert expected <= set(done.stdout.split())
    assert f"{tmp_path}/outside" not in done.stdout.split()
