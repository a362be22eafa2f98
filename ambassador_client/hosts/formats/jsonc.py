"""Edits JSON, with or without comments and trailing commas; only the bytes of the entry change."""

import json
import re
from dataclasses import dataclass
from typing import Any

from ambassador_client.hosts.formats.editor import (
    EntryPath,
    FormatError,
    format_path,
    is_same,
    line_end,
    wrap,
)
from ambassador_client.hosts.formats.jsonc_syntax import Member, Node, parse

_INDENT = re.compile(r"[ \t]*")
_REST_OF_LINE = re.compile(r"(?:[ \t]+|//[^\r\n]*|/\*(?:[^*\r\n]|\*(?!/))*+\*/)*+(?=[\r\n])")
_MAY_JOIN = re.compile(r"[ \t]*(?:[\r\n]|//|\Z)")


class JsoncEditor:
    """Editor of JSON and of JSON with comments."""

    def load(self, text: str) -> Any:
        """Implement Editor."""
        root = parse(text)
        return {} if root is None else root.value

    def put(self, text: str, path: EntryPath, value: Any) -> str:
        """Implement Editor."""
        node = parse(text)
        if node is None:
            break_before = "" if text == "" or text.endswith("\n") else line_end(text)
            return self.put(f"{text}{break_before}{{}}{line_end(text)}", path, value)
        style = _Style.of(text, node)
        for index, step in enumerate(path):
            if node.members is None:
                raise FormatError(f"{format_path(path[:index])} is not an object")
            member = node.member(str(step))
            if member is None:
                return _insert(text, style, node, str(step), wrap(path[index + 1 :], value))
            node = member.value
        if is_same(node.value, value):
            return text
        inline = "\n" not in text[node.start : node.end]
        new = style.render(value, None if inline and style.inline else _line_indent(text, node.start))
        return text[: node.start] + new + text[node.end :]

    def remove(self, text: str, path: EntryPath) -> str:
        """Implement Editor."""
        node = parse(text)
        for step in path[:-1]:
            member = None if node is None else node.member(str(step))
            node = None if member is None else member.value
        member = None if node is None else node.member(str(path[-1]))
        return text if node is None or member is None else _without_member(text, node, member)


@dataclass(frozen=True, slots=True)
class _Style:
    """The style of the text.

    `unit` is one level of indentation; `inline` means all on one line, `tight` no space after colons and commas."""

    unit: str
    newline: str
    inline: bool
    tight: bool

    @classmethod
    def of(cls, text: str, root: Node) -> "_Style":
        first = root.members[0] if root.members else None
        indent = "" if first is None else _line_indent(text, first.start)
        inline = first is not None and "\n" not in text[root.start : root.end]
        tight = inline and re.search(r'":\s', text) is None
        return cls("  " if inline else indent or "  ", line_end(text), inline, tight)

    def render(self, value: Any, indent: str | None) -> str:
        """Return the value as JSON; lines after the first start with `indent`, None writes one line."""
        if indent is None:
            return json.dumps(
                value, ensure_ascii=False, separators=(",", ":") if self.tight else (", ", ": ")
            )
        written = json.dumps(value, ensure_ascii=False, indent=self.unit)
        return written.replace("\n", self.newline + indent)


def _insert(text: str, style: _Style, node: Node, key: str, value: Any) -> str:
    members = node.members or ()
    if style.inline or (members and "\n" not in text[node.start : node.end]):
        return _insert_inline(text, style, node, f"{style.render({key: value}, None)[1:-1]}")
    outer = _line_indent(text, node.start)
    indent = _member_indent(text, members[-1], outer + style.unit) if members else outer + style.unit
    new = f"{style.newline}{indent}{json.dumps(key, ensure_ascii=False)}: {style.render(value, indent)}"
    if not members:
        inside = text[node.start + 1 : node.end - 1].rstrip()
        return f"{text[: node.start + 1]}{inside}{new}{style.newline}{outer}{text[node.end - 1 :]}"
    last = members[-1]
    end = last.value.end
    after = end if last.comma is None else last.comma + 1
    rest = _REST_OF_LINE.match(text, after)
    at = after if rest is None else rest.end()
    if last.comma is None:
        return f"{text[:end]},{text[end:at]}{new}{text[at:]}"
    return f"{text[:at]}{new},{text[at:]}"


def _insert_inline(text: str, style: _Style, node: Node, new: str) -> str:
    space = "" if style.tight else " "
    if not node.members:
        return text[: node.end - 1] + new + text[node.end - 1 :]
    last = node.members[-1]
    if last.comma is None:
        return f"{text[: last.value.end]},{space}{new}{text[last.value.end :]}"
    return f"{text[: last.comma + 1]}{space}{new},{text[last.comma + 1 :]}"


def _without_member(text: str, node: Node, member: Member) -> str:
    members = list(node.members or ())
    index = members.index(member)
    end = member.value.end
    after = end
    cuts = []
    if member.comma is not None:
        cuts.append((member.comma, member.comma + 1))
        if not text[end : member.comma].strip(" \t"):
            after = member.comma + 1
    elif index > 0 and (before := members[index - 1].comma) is not None:
        cuts.append((before, before + 1))
    cuts.append((_blank_start(text, member.start, _MAY_JOIN.match(text, after) is not None), end))
    for first, last in sorted(cuts, reverse=True):
        text = text[:first] + text[last:]
    if len(members) > 1:
        return text
    close = node.end - sum(last - first for first, last in cuts) - 1
    inside = text[node.start + 1 : close]
    return text if inside.strip() else text[: node.start + 1] + text[close:]


def _blank_start(text: str, start: int, with_line: bool) -> int:
    """Return the offset of the white space before the member, with the line break before it."""
    at = start
    while at > 0 and text[at - 1] in " \t":
        at -= 1
    if at > 0 and text[at - 1] == "\n":
        if not with_line:
            return start  # a comment on the line before would swallow the rest of the line
        at -= 2 if text[at - 2 : at] == "\r\n" else 1
    return at


def _line_indent(text: str, at: int) -> str:
    found = _INDENT.match(text, text.rfind("\n", 0, at) + 1)
    return found[0] if found else ""


def _member_indent(text: str, member: Member, otherwise: str) -> str:
    start = text.rfind("\n", 0, member.start) + 1
    indent = text[start : member.start]
    return indent if start and not indent.strip(" \t") else otherwise
