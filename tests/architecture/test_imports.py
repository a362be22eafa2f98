"""Every module can be imported first, alone, without warnings; import cycles and hidden orders show here."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.architecture.test_sizes import PACKAGES, ROOT, sources
from tests.effort import SOAK

MODULES = [
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    for path in sources()
    if "migrations" not in path.parts
]
ALONE = MODULES[:: max(1, 20 // SOAK)]
_ALONE = """
import gc, importlib, sys
for name in {names!r}:
    for loaded in [m for m in sys.modules if m.split(".")[0] in {packages!r}]:
        del sys.modules[loaded]
    importlib.import_module(name)
    gc.freeze()
"""


def test_no_import_leads_back_to_its_module():
    """Without a cycle, what can be imported after other modules can be imported first."""
    graph = {name: _needed_first(name) for name in MODULES}
    TopologicalSorter(graph).prepare()  # raises CycleError
    # A cycle would be found:
    assert "ambassador_server.errors" in graph["ambassador_server.services.calls.pipeline"]
    graph["ambassador_server.errors"].add("ambassador_server.services.calls.pipeline")
    with pytest.raises(CycleError):
        TopologicalSorter(graph).prepare()


def test_modules_import_alone():
    """Our own modules are forgotten before each import; libraries stay loaded, or this would take minutes.

    `make test` tries each twentieth module. `gc.freeze` spares the collector the search of all that is loaded.
    """
    _run(_ALONE.format(names=ALONE, packages=PACKAGES))


def test_every_module_imports_without_warnings():
    _run(f"import importlib\nfor name in {MODULES[::-1]!r}:\n    importlib.import_module(name)")


def _run(code: str) -> None:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        check=False,
        capture_output=True,
        text=True,
        timeout=100 * SOAK,
        cwd=ROOT,
    )
    assert result.returncode == 0, result.stderr


def _needed_first(name: str) -> set[str]:
    """Return which of our modules the import of a module imports itself, without what its functions import."""
    path = ROOT / name.replace(".", "/")
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    tree = ast.parse(path.read_text())
    tree.body = [statement for statement in tree.body if not _is_skipped(statement)]
    given = {part for module, member in _imported(tree) for part in (module, f"{module}.{member}")}
    return given & set(MODULES) - {name}


def _is_skipped(statement: ast.stmt) -> bool:
    """Tell whether a statement imports nothing when its module is imported."""
    is_later = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    return is_later or (isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test))


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
