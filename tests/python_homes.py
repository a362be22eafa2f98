"""Virtual environments of other Python packages at locked versions, and sources of packages, below `.venv/share`.

A package is added with `python -m tests.python_homes NAME==VERSION`, which writes the file that locks all it needs.
"""

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.node import SHARE, alone

LOCKS = Path(__file__).parent / "python_locks"
_INSTALL_SECONDS = 300
_UV = Path(sys.executable).with_name("uv")


def home(requirement: str) -> Path:
    """Return a virtual environment that holds this package, NAME==VERSION, and all it needs; it is filled only once."""
    lock_file = _lock_file(requirement)

    def fill(new: Path) -> None:
        _run(str(_UV), "venv", "--quiet", "--no-config", "--python", sys.executable, str(new))
        wanted = ("--no-deps", "--require-hashes", "--requirement", str(lock_file))
        _run(str(_UV), "pip", "install", "--quiet", "--python", str(new / "bin" / "python"), *wanted)

    return _filled(f"python-{_digest(lock_file.read_bytes() + sys.version.encode())}", fill)


def source(requirement: str, sha256: str) -> Path:
    """Return a folder with the source distribution of this package, NAME==VERSION."""

    def fill(new: Path) -> None:
        new.mkdir()
        wanted = new / "wanted.txt"
        wanted.write_text(f"{requirement} --hash=sha256:{sha256}\n")
        name = requirement.partition("==")[0]
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
        _run(*pip, "--no-deps", "--no-binary", name, "--requirement", str(wanted), "--dest", str(new))
        (archive,) = new.glob("*.tar.gz")
        with tarfile.open(archive) as opened:
            opened.extractall(new, filter="data")
        archive.unlink()

    (folder,) = (path for path in _filled(f"source-{sha256[:16]}", fill).iterdir() if path.is_dir())
    return folder


def lock(requirement: str) -> Path:
    """Write the file that locks this package and all it needs, and return its path."""
    target = _lock_file(requirement)
    LOCKS.mkdir(exist_ok=True)
    plain = ("--no-annotate", "--no-header", "--no-emit-index-url")
    words = ("--quiet", "--universal", "--generate-hashes", *plain, "--output-file", str(target), "-")
    _run(str(_UV), "pip", "compile", *words, given=requirement)
    return target


def _lock_file(requirement: str) -> Path:
    return LOCKS / f"{requirement.replace('==', '@')}.txt"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _filled(name: str, fill: Callable[[Path], None]) -> Path:
    """Return a folder of this name; what fails or is interrupted leaves none."""
    folder = SHARE / name
    with alone(name):
        if not (folder / ".filled").exists():
            # A virtual environment cannot be moved, so it is filled in its place.
            with tempfile.TemporaryDirectory(dir=SHARE) as former:
                if folder.exists():
                    folder.rename(Path(former) / "unfinished")
            fill(folder)
            (folder / ".filled").touch()
    return folder


def _run(*command: str, given: str = "") -> None:
    done = subprocess.run(
        command,
        check=False,
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_INSTALL_SECONDS,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout[-2000:]}"


if __name__ == "__main__":
    print(lock(sys.argv[1]))
