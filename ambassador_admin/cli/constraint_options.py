"""The options --when and --constraints: the arguments with which a grant permits tools."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, TextIO

import typer

from ambassador_admin.errors import UsageError
from ambassador_protocol.json_text import parse_object, parse_value

When = Annotated[
    list[str] | None,
    typer.Option(
        "--when",
        metavar="CONDITION",
        help="Only with such an argument: 'repo=acme/*' or 'count<=10'; may be repeated; 'count?<=10' may be missing.",
    ),
]
Constraints = Annotated[
    str | None,
    typer.Option(
        "--constraints",
        metavar="JSON|FILE",
        help="Only with such arguments: JSON Schemas by argument, as text or in a file; - reads standard input.",
    ),
]

_CONDITION: Final = re.compile(
    r"(?P<name>[^=<>?]+)(?P<optional>\??)(?P<sign><=|>=|=|<|>)(?P<value>.*)", re.DOTALL
)
_BOUNDS: Final[Mapping[str, str]] = {
    "<=": "maximum",
    ">=": "minimum",
    "<": "exclusiveMaximum",
    ">": "exclusiveMinimum",
}
_SPECIAL: Final = re.compile(r"([\\.+*?()|\[\]{}^$])")
_EXAMPLE: Final = "for example --when 'repo=acme/*' --when 'count<=10'"


def constraints_of(when: list[str] | None, constraints: str | None, stdin: TextIO) -> dict[str, Any] | None:
    """Return the constraints that the options mean, None if there are none; raises UsageError."""
    if when and constraints is not None:
        raise UsageError("--when and --constraints exclude each other.")
    if constraints is not None:
        return _read(constraints, stdin)
    return _conditions(when) if when else None


def _conditions(when: Iterable[str]) -> dict[str, Any]:
    """Return a schema for each argument; of several values for one argument, each is permitted."""
    values: dict[str, list[str]] = {}
    schemas: dict[str, dict[str, Any]] = {}
    for text in when:
        found = _CONDITION.fullmatch(text)
        if found is None:
            raise UsageError(f"--when: {text!r} is no condition.", hint=_EXAMPLE)
        name, sign, value = found["name"].strip(), found["sign"], found["value"].strip()
        schema = schemas.setdefault(name, {})
        if found["optional"]:
            schema["optional"] = True
        if sign == "=":
            values.setdefault(name, []).append(value)
        elif _BOUNDS[sign] in schema:
            raise UsageError(f"--when: {name!r} has two conditions with {sign}.", hint=_EXAMPLE)
        else:
            schema[_BOUNDS[sign]] = _number(value, text)
    for name, permitted in values.items():
        if schemas[name].keys() - {"optional"}:
            raise UsageError(
                f"--when: {name!r} has a value and a bound.", hint="--constraints takes any schema"
            )
        schemas[name] |= _one_of(permitted)
    return schemas


def _one_of(values: list[str]) -> dict[str, Any]:
    globs = [each for each in values if "*" in each and not _is_quoted(each)]
    if not globs:
        exact = [_exact(each) for each in values]
        return {"const": exact[0]} if len(exact) == 1 else {"enum": exact}
    texts = [_exact(each) for each in values if each not in globs]
    if not all(isinstance(each, str) for each in texts):
        raise UsageError(
            "--when: a pattern and a number, true, false or null exclude each other for one argument.",
            hint="--constraints takes any schema",
        )
    patterns = [*(_pattern(each) for each in globs), *(_escaped(each) for each in texts)]
    pattern = patterns[0] if len(patterns) == 1 else f"(?:{'|'.join(patterns)})"
    return {"type": "string", "pattern": f"^{pattern}$"}


def _exact(text: str) -> Any:
    """Return the JSON value that a text is, or else the text: `10` is a number, `"10"` a text, and so is `main`."""
    try:
        value = parse_value(text)
    except ValueError:
        return text
    return text if isinstance(value, dict | list) else value


def _is_quoted(text: str) -> bool:
    return len(text) > 1 and text[0] == text[-1] == '"'


def _pattern(glob: str) -> str:
    return r"[\s\S]*".join(_escaped(part) for part in glob.split("*"))


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _number(value: str, text: str) -> int | float:
    number = _exact(value)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise UsageError(f"--when: {text!r} does not compare with a number.", hint=_EXAMPLE)
    return number


def _read(given: str, stdin: TextIO) -> dict[str, Any]:
    if given.lstrip().startswith("{"):
        try:
            return parse_object(given)
        except ValueError as error:
            raise UsageError(f"--constraints: the text {error}.") from None
    # Not above: importing YAML is slow, and only this option reads it.
    from ambassador_admin.declarative.readers import FaultError, options
    from ambassador_admin.declarative.yaml_tree import read_trees

    try:
        found = [options(tree) for tree in read_trees(Path(given), stdin)]
    except FaultError as error:
        raise UsageError(f"--constraints: {error}.") from error
    if len(found) != 1:
        raise UsageError(f"--constraints: {given} has {len(found)} documents, not one.")
    return found[0]
