"""The core returns reasons and codes: no text in it is meant for the users of one face."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.test_sizes import ROOT

SERVER = ROOT / "ambassador_server"
CORE = [
    path for room in ("domain", "services", "ports") for path in sorted((SERVER / room).rglob("*.py"))
] + [SERVER / "errors.py"]
FOR_ONE_FACE = re.compile(
    r"ambassador-(admin|client|server) |(ask|tell) (your|an) administrator", re.IGNORECASE
)


def _texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every string, with {} for what is filled in, except strings that stand alone."""
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield (
                node.lineno,
                "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.lineno, node.value


def _wording(source: str) -> list[tuple[int, str]]:
    return sorted({(line, text) for line, text in _texts(ast.parse(source)) if FOR_ONE_FACE.search(text)})


def _hints(source: str) -> list[int]:
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return [call.lineno for call in calls for word in call.keywords if word.arg == "hint"]


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.relative_to(SERVER).as_posix())
def test_no_text_of_the_core_names_a_command_or_a_person_to_ask(path: Path):
    """Such a text belongs in `ambassador_server/wording`; the core gives a reason or an `Advice`."""
    assert _wording(path.read_text()) == []


@pytest.mark.parametrize("path", CORE[:-1], ids=lambda path: path.relative_to(SERVER).as_posix())
def test_no_error_of_the_core_has_a_hint_in_words(path: Path):
    """Rules and use cases give an `Advice`, which every face words alike."""
    assert _hints(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        'raise ConflictError("This is no login.", hint="ambassador-admin admin-key revoke NAME ends it")',
        'hint = f"ambassador-admin user update {name} --role ROLE"',
        'TEXTS = {1: "your user is not active. Ask your administrator."}',
        'hint = "Use it, or " "ask your administrator."',
    ],
)
def test_wording_for_one_face_is_recognised(source: str):
    assert _wording(source) != []


def test_docstrings_may_name_commands():
    assert _wording('def f():\n    """Serves `ambassador-admin access explain`."""\n') == []
