"""Files and functions stay small enough to read in one sitting."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("ambassador_protocol", "ambassador_client", "ambassador_admin", "ambassador_server")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50


def sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def test_no_file_outgrows_its_reason():
    sizes = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in sources()}
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:5]
    print("largest files:", largest)
    assert {name: size for name, size in sizes.items() if size > MAX_FILE_LINES} == {}


def test_no_function_outgrows_a_screen():
    sizes = {}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = (node.end_lineno or node.lineno) - node.lineno + 1
                sizes[f"{path.relative_to(ROOT).as_posix()}:{node.name}"] = size
    print("longest functions:", sorted(sizes.items(), key=lambda item: -item[1])[:5])
    assert {name: size for name, size in sizes.items() if size > MAX_FUNCTION_LINES} == {}


def test_the_makefile_stays_short():
    assert len((ROOT / "Makefile").read_text().splitlines()) <= 90


def test_every_module_says_what_it_owns():
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in sources()
        if path.name != "__init__.py" and ast.get_docstring(ast.parse(path.read_text())) is None
    ]
    assert silent == []
