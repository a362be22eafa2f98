"""Edits YAML by the offsets of PyYAML's nodes; only the lines of the entry change."""

import json
import re
from collections.abc import Sequence
from typing import Any

import yaml

from ambassador_client.hosts.formats.editor import (
    ElementNamed,
    EntryPath,
    FormatError,
    PathStep,
    find,
    format_path,
    is_same,
    line_end,
    wrap,
)
from ambassador_client.hosts.formats.yaml_nodes import child, compose, dump, end_of, is_empty, is_flow, load

_REST_OF_LINE = re.compile(r"(?:[ \t]+(?:#[^\r\n]*)?)?(?=[\r\n]|\Z)")


class YamlEditor:
    """Editor of YAML; an entry is written in the style of its container, block style by default."""

    def load(self, text: str) -> Any:
        """Implement Editor."""
        return load(text)

    def put(self, text: str, path: EntryPath, value: Any) -> str:
        """Implement Editor."""
        existing = find(load(text), path)
        if existing is not None and is_same(existing, value):
            return text
        node = compose(text)
        if node is None or (isinstance(node, yaml.ScalarNode) and is_empty(node)):
            break_before = "" if text == "" or text.endswith("\n") else line_end(text)
            return text + break_before + _lines(text, path[0], wrap(path[1:], value), 0) + line_end(text)
        column, parent_key = 0, None
        holder = start = node
        for index, step in enumerate(path):
            _check(node, path[:index], step)
            found = child(node, step)
            if found is None:
                return _insert(text, node, parent_key, step, wrap(path[index + 1 :], value), column)
            holder, (_, start, node) = node, found
            column, parent_key = start.start_mark.column + 2, start
        return _replace(text, holder, start, node, path[-1], value)

    def remove(self, text: str, path: EntryPath) -> str:
        """Implement Editor."""
        node, parent_key = compose(text), None
        for step in path[:-1]:
            found = None if node is None else child(node, step)
            _, parent_key, node = found or (0, None, None)
        found = None if node is None else child(node, path[-1])
        if node is None or found is None:
            return text
        if is_flow(node):
            return _cut_flow(text, node, found[0])
        return _cut_block(text, node, parent_key, found[1], found[2])


def _check(node: yaml.Node, path: EntryPath, step: PathStep) -> None:
    kind, word = (
        (yaml.SequenceNode, "list") if isinstance(step, ElementNamed) else (yaml.MappingNode, "mapping")
    )
    if not isinstance(node, kind) and not (isinstance(node, yaml.ScalarNode) and is_empty(node)):
        raise FormatError(f"{format_path(path)} is not a {word}")


def _lines(text: str, step: PathStep, value: Any, column: int) -> str:
    written = dump([value] if isinstance(step, ElementNamed) else {step: value})
    return written.replace("\n", line_end(text) + " " * column)


def _flow(step: PathStep, value: Any) -> str:
    if isinstance(step, ElementNamed):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps({step: value}, ensure_ascii=False)[1:-1]


def _insert(
    text: str, node: yaml.Node, key: yaml.Node | None, step: PathStep, value: Any, column: int
) -> str:
    if not is_empty(node):
        if is_flow(node):
            at = node.start_mark.index + 1
            return f"{text[:at]}{_flow(step, value)}, {text[at:]}"
        column, at = node.start_mark.column, end_of(text, node)
    else:  # replaces an empty value
        start, end = node.start_mark.index, node.end_mark.index
        if key is None:
            return text[:start] + _lines(text, step, value, 0) + text[end:]
        at = text.index(":", end_of(text, key)) + 1
        text = text if start == end else text[:start].rstrip(" ") + text[end:]
    rest = _REST_OF_LINE.match(text, at)
    at = at if rest is None else rest.end()
    return f"{text[:at]}{line_end(text)}{' ' * column}{_lines(text, step, value, column)}{text[at:]}"


def _replace(
    text: str, holder: yaml.Node, start: yaml.Node, node: yaml.Node, step: PathStep, value: Any
) -> str:
    first, end = start.start_mark.index, end_of(text, node)
    if is_flow(holder):
        return text[:first] + _flow(step, value) + text[end:]
    column = start.start_mark.column
    if isinstance(step, ElementNamed):
        written = dump(value).replace("\n", line_end(text) + " " * column)
    else:
        written = _lines(text, step, value, column)
    return text[:first] + written + text[end:]


def _bounds(text: str, node: yaml.Node) -> Sequence[tuple[int, int]]:
    pairs = [item if isinstance(item, tuple) else (item, item) for item in node.value]
    return [(key.start_mark.index, max(end_of(text, key), end_of(text, value))) for key, value in pairs]


def _cut_flow(text: str, node: yaml.Node, index: int) -> str:
    bounds = _bounds(text, node)
    if index + 1 < len(bounds):
        first, end = bounds[index][0], bounds[index + 1][0]
    elif index > 0:
        first, end = bounds[index - 1][1], bounds[index][1]
    else:
        first, end = node.start_mark.index + 1, end_of(text, node) - 1
    return text[:first] + text[end:]


def _cut_block(text: str, node: yaml.Node, key: yaml.Node | None, start: yaml.Node, value: yaml.Node) -> str:
    first = text.rfind("\n", 0, start.start_mark.index) + 1
    end = end_of(text, value)
    rest = _REST_OF_LINE.match(text, end)
    end = end if rest is None else rest.end()
    broken = re.compile(r"\r?\n").match(text, end)
    if broken is not None:
        end = broken.end()
    elif first > 0:  # the text ends without a line end; keep it so
        first -= 2 if text[first - 2 : first] == "\r\n" else 1
    left = text[:first] + text[end:]
    if len(node.value) > 1 or key is None:
        return left
    colon = text.index(":", end_of(text, key)) + 1
    return f"{left[:colon]} {'[]' if isinstance(node, yaml.SequenceNode) else '{}'}{left[colon:]}"
