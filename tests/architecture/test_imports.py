"""Every module can be imported first, alone, without warnings; import cycles and hidden orders show here."""

import subprocess
import sys

import pytest

from tests.architecture.test_sizes import PACKAGES, ROOT, sources

MODULES = [
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    for path in sources()
    if "migrations" not in path.parts
]
_ALONE = """
import importlib, sys
for name in {names!r}:
    for loaded in [m for m in sys.modules if m.split(".")[0] in {packages!r}]:
        del sys.modules[loaded]
    importlib.import_module(name)
"""


@pytest.mark.parametrize("part", range(4))
def test_every_module_imports_alone(part: int):
    """Our own modules are forgotten before each import; libraries stay loaded, or this would take minutes."""
    code = _ALONE.format(names=MODULES[part::4], packages=PACKAGES)
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
        cwd=ROOT,
    )
    assert result.returncode == 0, result.stderr
