"""Redacts the arguments of a call and the details of an event for the audit."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ambassador_server.domain.catalog.mcps import ArgumentPolicy
from ambassador_server.domain.secrets.card_numbers import is_card_number
from ambassador_server.domain.secrets.encoded_tokens import OWN_ENCODED, may_be_encoded
from ambassador_server.domain.secrets.marks import REDACTED, WITHHELD, cut_mark, without_duplicate_mark
from ambassador_server.domain.secrets.neighbours import items_with_secrecy, key_of_secret_value
from ambassador_server.domain.secrets.own_tokens import (
    OWN,
    holds_token_in_bytes,
    may_be_split,
    parts_of_split_tokens,
)
from ambassador_server.domain.secrets.rules import Shape
from ambassador_server.domain.secrets.secret_names import is_reference, is_secret_name
from ambassador_server.domain.secrets.shapes import (
    log_withheld,
    mask_own_keys,
    mask_shapes,
    mask_text,
    possible_shapes,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much of a value is kept: `size` in all, `text` and `name` each, in characters; `nodes` in values."""

    depth: int = 16
    nodes: int = 1000
    text: int = 4096
    name: int = 256
    size: int = 16_384


_BOUNDS = Bounds()
# So many characters after a limit are searched, too, so that a secret that spans the limit is masked before the cut.
_MARGIN = 1024
_LARGEST_INTEGER_BITS = 256
_MIN_CARD_NUMBER, _END_OF_CARD_NUMBERS = 10**12, 10**19
_MAX_FULL_DEPTH = 100


def redact(value: Any, policy: ArgumentPolicy, bounds: Bounds = _BOUNDS) -> Any:
    """Return what the audit keeps of a JSON-like value.

    `none` keeps nothing, `keys` the structure with types in place of values, `redacted` all values that neither their
    name nor their shape shows to be secret, `full` everything but keys and tokens of this product. A text that begins
    with `[cut` replaces what is too large; `full` cuts only what is nested too deep. It never raises: `[withheld]`
    replaces what cannot be searched, because the record must not decide whether a call runs.
    """
    try:
        match policy:
            case ArgumentPolicy.NONE:
                return None
            case ArgumentPolicy.KEYS:
                return _Outline(bounds).of(value)
            case ArgumentPolicy.REDACTED:
                return _Copy(bounds).of(value)
            case ArgumentPolicy.FULL:
                return _full(value, 0, _split_parts(value))
    except Exception as error:
        log_withheld(error)
        return WITHHELD


def redact_details(details: Mapping[str, Any], bounds: Bounds = _BOUNDS) -> dict[str, Any]:
    """Return what the audit keeps of an event's details: as `redacted`, and references to secrets stay."""
    try:
        copied: dict[str, Any] = _Details(bounds).of(dict(details))
    except Exception as error:
        log_withheld(error)
        return dict.fromkeys(map(member_name, details), WITHHELD)
    return copied


def _split_parts(value: Any) -> Container[str]:
    """Return the texts in a value that are parts of a split token."""
    texts, values = list[str](), list[str]()
    _collect(value, 0, texts, values)
    if may_be_split(texts) or may_be_encoded("\n".join(texts).lower()):
        return parts_of_split_tokens(texts, values)
    return frozenset()


def _collect(value: Any, depth: int, texts: list[str], values: list[str]) -> None:
    """Add the texts in a value to `texts`, and those that are no names of members to `values`, too."""
    if isinstance(value, str):
        texts.append(value)
        values.append(value)
    elif depth == _MAX_FULL_DEPTH:
        return
    elif isinstance(value, dict):
        for name, item in value.items():
            texts.append(member_name(name))
            _collect(item, depth + 1, texts, values)
    elif isinstance(value, list | tuple):
        for item in value:
            _collect(item, depth + 1, texts, values)


def _full(value: Any, depth: int, parts: Container[str]) -> Any:
    if isinstance(value, str):
        return REDACTED if value in parts else mask_own_keys(value)
    if isinstance(value, dict | list | tuple) and depth == _MAX_FULL_DEPTH:
        return cut_mark("nested too deep")
    if isinstance(value, dict):
        copied: dict[str, Any] = {}
        for key, item in value.items():
            name = _full(member_name(key), depth, parts)
            copied[_unused_name(name, copied)] = _full(item, depth + 1, parts)
        return copied
    if isinstance(value, list | tuple):
        return REDACTED if holds_token_in_bytes(value) else [_full(item, depth + 1, parts) for item in value]
    return value


class _Copy:
    """Makes one bounded copy of a value with secrets masked.

    While copying it applies the bounds and masks values by their name. Shapes are searched for afterwards, in all texts
    together, because most values hold none.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._nodes_left = bounds.nodes
        self._size_left = bounds.size
        self._texts: list[str] = []
        self._values: list[str] = []

    def of(self, value: Any) -> Any:
        copied = self._value(value, 0)
        shapes = possible_shapes(self._texts)
        parts = frozenset[str]()
        if OWN in shapes or OWN_ENCODED in shapes or may_be_split(self._values):
            parts = parts_of_split_tokens(self._texts, self._values)
        return _masked(copied, shapes, parts) if shapes or parts else copied

    def _value(self, value: Any, depth: int) -> Any:
        self._nodes_left -= 1
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return self._members(value, depth + 1)
        if isinstance(value, list | tuple):
            return self._items(value, depth + 1)
        return self._scalar(value)

    def _members(self, members: dict[Any, Any], depth: int) -> Any:
        if depth > self._bounds.depth:
            return cut_mark("nested too deep")
        copied: dict[str, Any] = {}
        secret_key = key_of_secret_value(members)
        for done, (key, value) in enumerate(members.items()):
            if self._nodes_left <= 0 or self._size_left <= 0:
                copied[_unused_name("[cut]", copied)] = f"{len(members) - done} more members"
                break
            text = member_name(key)
            name = self._name(text)
            if name in copied:
                name = _unused_name(name, copied)
            if (is_secret_name(text) and self._hides(text, value)) or (
                secret_key is not None and without_duplicate_mark(text) == secret_key
            ):
                copied[name] = self._secret()
            else:
                copied[name] = self._value(value, depth)
        return copied

    def _items(self, items: Sequence[Any], depth: int) -> Any:
        if depth > self._bounds.depth:
            return cut_mark("nested too deep")
        if holds_token_in_bytes(items):
            return self._secret()
        copied: list[Any] = []
        for done, (item, is_secret) in enumerate(items_with_secrecy(items)):
            if self._nodes_left <= 0 or self._size_left <= 0:
                copied.append(cut_mark(f"{len(items) - done} more items"))
                break
            copied.append(self._secret() if is_secret else self._value(item, depth))
        return copied

    def _hides(self, name: str, value: Any) -> bool:
        return not _is_harmless(name, value)

    def _name(self, name: str) -> str:
        if len(name) > self._bounds.name:
            name = _shortened(name, self._bounds.name)
        self._size_left -= len(name) + 4
        self._texts.append(name)
        return name

    def _text(self, text: str) -> str:
        if len(text) > self._bounds.text or len(text) > self._size_left:
            text = _shortened(text, min(self._bounds.text, max(self._size_left, 0)))
        self._size_left -= len(text) + 3
        self._texts.append(text)
        self._values.append(text)
        return text

    def _secret(self) -> str:
        self._nodes_left -= 1
        self._size_left -= len(REDACTED)
        return REDACTED

    def _scalar(self, value: Any) -> Any:
        self._size_left -= 8
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return self._integer(value)
        if isinstance(value, float):
            card = (
                value.is_integer()
                and _MIN_CARD_NUMBER <= value < _END_OF_CARD_NUMBERS
                and is_card_number(str(int(value)))
            )
            return REDACTED if card else value
        return f"[{type(value).__name__}]"

    def _integer(self, value: int) -> Any:
        if _MIN_CARD_NUMBER <= value < _END_OF_CARD_NUMBERS and is_card_number(str(value)):
            return REDACTED
        if value.bit_length() > _LARGEST_INTEGER_BITS:
            return cut_mark(f"an integer of {value.bit_length()} bits")
        return value


class _Details(_Copy):
    """Copies event details; a reference stays although its name is that of a secret."""

    def _hides(self, name: str, value: Any) -> bool:
        is_only_reference = isinstance(value, str) and is_reference(value)
        return not is_only_reference and super()._hides(name, value)


class _Outline(_Copy):
    """Copies the structure of a value, with the names of JSON types in place of values."""

    def _hides(self, name: str, value: Any) -> bool:
        return False

    def _text(self, text: str) -> str:
        self._size_left -= 8
        return "string"

    def _secret(self) -> str:
        return self._text("")

    def _scalar(self, value: Any) -> Any:
        self._size_left -= 8
        if value is None:
            return "null"
        if isinstance(value, bool):
            return "boolean"
        return "number" if isinstance(value, int | float) else type(value).__name__


def _masked(value: Any, shapes: Iterable[Shape], parts: Container[str]) -> Any:
    if isinstance(value, str):
        return REDACTED if value in parts else mask_shapes(value, shapes)
    if isinstance(value, list):
        return [_masked(item, shapes, parts) for item in value]
    if isinstance(value, dict):
        masked: dict[str, Any] = {}
        for name, item in value.items():
            masked[_unused_name(_masked(name, shapes, parts), masked)] = _masked(item, shapes, parts)
        return masked
    return value


def _unused_name(name: str, used: Mapping[str, Any]) -> str:
    # Two names may become equal by masking or shortening; both members are kept.
    number = len(used)
    unused = name
    while unused in used:
        unused = f"{name} ({number})"
        number += 1
    return unused


def member_name(key: Any) -> str:
    """Return the name of a member as text; in Python it may be of any type."""
    if isinstance(key, str):
        return key
    plain = key is None or isinstance(key, bool | float)
    if plain or (isinstance(key, int) and key.bit_length() <= _LARGEST_INTEGER_BITS):
        return str(key)
    return f"[{type(key).__name__}]"


def _is_harmless(name: str, value: Any) -> bool:
    """Tell whether the value cannot be a secret in spite of its name: a boolean, nothing, or a count of tokens."""
    if value is None or isinstance(value, bool) or value in ("", [], {}):
        return True
    return isinstance(value, int | float) and name.lower().endswith("tokens")


def _shortened(text: str, limit: int) -> str:
    window = text[: limit + _MARGIN]
    masked = mask_text(window)
    # If masking made the text shorter, the end of the window must not move into what is kept: a secret that continues
    # after the window is not recognised there.
    dropped = _MARGIN if len(text) > len(window) else 0
    kept = masked[: max(min(limit, len(masked) - dropped), 0)]
    return f"{kept}{cut_mark(f'{len(text) - len(kept)} more characters')}"
