"""Runs the package pytest-iam, a second authorization server by others, whose only user consents to everything."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.python_homes import home

PACKAGE = "pytest-iam==0.3.0"
_SCRIPT = Path(__file__).parents[3] / "fakes" / "iam_server.py"


@contextmanager
def iam_provider() -> Iterator[str]:
    """Yield its URL."""
    with subprocess.Popen(
        [home(PACKAGE) / "bin" / "python", _SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": ""},
    ) as process:
        try:
            assert process.stdout is not None
            yield f"http://localhost:{int(process.stdout.readline())}"
        finally:
            process.kill()
