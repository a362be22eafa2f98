"""Every module can be imported first, alone, without warnings; import cycles and hidden orders show here."""

import ast
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.architecture.test_sizes import PACKAGES, ROOT, sources

MODULES = [
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    for path in sources()
    if "migrations" not in path.parts
]
_ALONE = """
import gc, importlib, sys
for name in {names!r}:
    for loaded in [m for m in sys.modules if m.split(".")[0] in {packages!r}]:
        del sys.modules[loaded]
    importlib.import_module(name)
    gc.freeze()
"""


@pytest.mark.parametrize("part", range(4))
def test_every_module_imports_alone(part: int):
    """Our own modules are forgotten before each import; libraries stay loaded, or this would take minutes.

    `gc.freeze` spares the collector the search of all that is loaded.
    """
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


OF_LIBRARIES = {
    ("msgspec", "Struct"),
    ("msgspec", "field"),
    ("msgspec.structs", "replace"),
    ("_typeshed", "DataclassInstance"),  # for the type checker alone
}


def test_the_domain_takes_only_the_declaration_of_values_from_a_library():
    """`docs/adr/0011-values-of-a-call-are-structs.md`: nothing in the domain encodes, decodes or knows a protocol."""
    foreign = {
        (module, name)
        for path in (ROOT / "ambassador_server" / "domain").rglob("*.py")
        for module, name in _imported(ast.parse(path.read_text()))
        if module.partition(".")[0] not in {*sys.stdlib_module_names, *PACKAGES}
    }
    assert foreign <= OF_LIBRARIES


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
