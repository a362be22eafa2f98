"""Parses YAML into PyYAML nodes with their offsets."""

from collections.abc import Callable
from typing import Any, TypeVar

import yaml

from ambassador_client.hosts.formats.editor import DEEPEST, ElementNamed, FormatError, PathStep
from ambassador_protocol import bounded_yaml

T = TypeVar("T")


class _Loader(yaml.SafeLoader):
    """Composes an alias as a node of its own instead of the node of its anchor."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event: yaml.AliasEvent = self.get_event()  # type: ignore[no-untyped-call] # untyped in the stubs
            alias = yaml.ScalarNode("alias", event.anchor)
            alias.start_mark, alias.end_mark = event.start_mark, event.end_mark
            return alias
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)


def compose(text: str) -> yaml.Node | None:
    """Return the root node, None for text without a value; raises FormatError."""
    return _construct(text, lambda bounded: yaml.compose(bounded, Loader=_Loader))


def load(text: str) -> Any:
    """Return the parsed text; raises FormatError."""
    found = _construct(text, yaml.safe_load)
    return {} if found is None else found


def dump(value: Any) -> str:
    """Return the value in block style, without a final line end."""
    written = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=1 << 30
    )
    return written.rstrip("\n")


def is_flow(node: yaml.Node) -> bool:
    """Tell whether the node is in flow style."""
    return isinstance(node, yaml.CollectionNode) and bool(node.flow_style)


def is_empty(node: yaml.Node) -> bool:
    """Tell whether the node is null or an empty collection."""
    if isinstance(node, yaml.ScalarNode):
        return node.tag == "tag:yaml.org,2002:null"
    return not node.value


def child(node: yaml.Node, step: PathStep) -> tuple[int, yaml.Node, yaml.Node] | None:
    """Return the index of the child at the step, its first node and its value; raises FormatError for duplicates."""
    if isinstance(step, ElementNamed):
        items = node.value if isinstance(node, yaml.SequenceNode) else []
        for index, item in enumerate(items):
            name = child(item, "name")
            if name is not None and name[2].value == step.name:
                return index, item, item
        return None
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    found = [
        (index, key, value)
        for index, (key, value) in enumerate(pairs)
        if isinstance(key, yaml.ScalarNode) and key.value == step
    ]
    if len(found) > 1:
        raise FormatError(f'"{step}" occurs twice')
    return found[0] if found else None


def end_of(text: str, node: yaml.Node) -> int:
    """Return the offset after the last character of the node that is not white space."""
    if isinstance(node, yaml.CollectionNode) and not is_flow(node) and node.value:
        last = node.value[-1]
        key, value = last if isinstance(last, tuple) else (last, last)
        return max(end_of(text, key), end_of(text, value))
    start, end = node.start_mark.index, node.end_mark.index
    return start + len(text[start:end].rstrip())


def _construct(text: str, construct: Callable[[str], T]) -> T:
    try:
        return bounded_yaml.build(text, construct, max_depth=DEEPEST)
    except bounded_yaml.YamlError as error:
        raise FormatError(str(error)) from error
