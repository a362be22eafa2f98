"""Files, classes and functions stay small enough to read in one sitting."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("ambassador_protocol", "ambassador_client", "ambassador_admin", "ambassador_server")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
MAX_CLASS_LINES = 250


def sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def test_no_file_outgrows_its_limit():
    sizes = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in sources()}
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:5]
    print("largest files:", largest)
    assert {name: size for name, size in sizes.items() if size > MAX_FILE_LINES} == {}


def _longer_than(limit: int, paths: list[Path], *kinds: type[ast.stmt]) -> dict[str, int]:
    """Return the definitions of these kinds that have more lines; print the longest five of all."""
    sizes = {
        f"{path.relative_to(ROOT).as_posix()}:{getattr(node, 'name', '')}": (node.end_lineno or 0)
        - node.lineno
        + 1
        for path in paths
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, kinds)
    }
    print("longest:", sorted(sizes.items(), key=lambda item: -item[1])[:5])
    return {name: size for name, size in sizes.items() if size > limit}


def test_no_function_outgrows_a_screen():
    assert _longer_than(MAX_FUNCTION_LINES, sources(), ast.FunctionDef, ast.AsyncFunctionDef) == {}


def test_no_class_outgrows_its_limit():
    tests = sorted((ROOT / "tests").rglob("*.py"))
    assert _longer_than(MAX_CLASS_LINES, [*sources(), *tests], ast.ClassDef) == {}


def test_the_makefile_stays_short():
    assert len((ROOT / "Makefile").read_text().splitlines()) <= 90


def test_every_module_says_what_it_owns():
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in sources()
        if path.name != "__init__.py" and ast.get_docstring(ast.parse(path.read_text())) is None
    ]
    assert silent == []
