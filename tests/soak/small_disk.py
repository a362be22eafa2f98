"""Puts the audit log of a server on a small file system that can be filled."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.world import World

_SIZE = "64m"
_CHUNK = b"\0" * 65536


class Disk:
    """A mounted file system."""

    def __init__(self, path: Path) -> None:
        self._filler = path / "filler"

    def fill(self) -> None:
        """Take all of the space that is left, as another program could."""
        with self._filler.open("wb", buffering=0) as file:
            for size in (len(_CHUNK), 1):
                try:
                    while file.write(_CHUNK[:size]):
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        """Give that space back."""
        self._filler.unlink()


@contextmanager
def on_small_disk(world: World) -> Iterator[Disk]:
    """Move the log of a running server to such a file system; the server is stopped at the end."""
    assert world.rig.stop() == 0
    audit = world.rig.data_dir / "audit"
    kept = audit.rename(audit.with_name("audit-before"))
    audit.mkdir(mode=0o700)
    options = f"size={_SIZE},mode=0700"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(audit)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"mounting a file system needs a right: {mounted.stderr.decode().strip()}")
    try:
        shutil.copytree(kept, audit, dirs_exist_ok=True)
        world.start()
        yield Disk(audit)
    finally:
        world.rig.stop()
        subprocess.run(["umount", str(audit)], check=True)
