"""What of a call's arguments, of an event's details, and of an MCP's options may be kept and shown."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ambassador_server.domain.catalog.mcps import ArgumentPolicy
from ambassador_server.domain.secrets.shapes import (
    REDACTED,
    Shape,
    is_card_number,
    is_secret_name,
    is_secret_option,
    mask_own_keys,
    mask_shapes,
    mask_text,
    possible_shapes,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much of a value is kept: `size` and `text` in characters, `nodes` in values of any kind."""

    depth: int = 16
    nodes: int = 1000
    text: int = 4096
    name: int = 256
    size: int = 16_384


_BOUNDS = Bounds()
# Beyond a limit this much is still looked at, so that a secret lying across it is recognised before it is cut.
_MARGIN = 1024
_LARGEST_INTEGER_BITS = 256
_SMALLEST_CARD, _BEYOND_CARDS = 10**12, 10**19
_DEEPEST_WHOLE = 100


def redact(value: Any, policy: ArgumentPolicy, bounds: Bounds = _BOUNDS) -> Any:
    """Return what the audit keeps of a JSON-like value.

    `none` keeps None, `keys` the structure with types in place of values, `redacted` everything but what a name or
    a shape gives away as a secret, `full` everything but keys and tokens of this product. What is cut for size (by
    `full` only what is nested too deep) says so in its place, as text that begins with `[cut`.
    """
    match policy:
        case ArgumentPolicy.NONE:
            return None
        case ArgumentPolicy.KEYS:
            return _Outline(bounds).of(value)
        case ArgumentPolicy.REDACTED:
            return _Copy(bounds).of(value)
        case ArgumentPolicy.FULL:
            return _whole(value, 0)


def redact_details(details: Mapping[str, Any], bounds: Bounds = _BOUNDS) -> dict[str, Any]:
    """Return what the audit keeps of an event's details: as `redacted`, and where a secret is kept may be told."""
    copied: dict[str, Any] = _Details(bounds).of(dict(details))
    return copied


def _whole(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return mask_own_keys(value)
    if isinstance(value, dict | list | tuple) and depth == _DEEPEST_WHOLE:
        return _cut("nested too deep")
    if isinstance(value, dict):
        whole: dict[str, Any] = {}
        for key, item in value.items():
            whole[_free(mask_own_keys(_key_text(key)), whole)] = _whole(item, depth + 1)
        return whole
    if isinstance(value, list | tuple):
        return [_whole(item, depth + 1) for item in value]
    return value


class _Copy:
    """A bounded copy of one value, secrets masked; used once.

    Names and bounds are seen to while copying. Whether any secret shape can occur at all is then asked once, of all
    texts together, because most values hold none.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._nodes = bounds.nodes
        self._room = bounds.size
        self._texts: list[str] = []

    def of(self, value: Any) -> Any:
        copied = self._value(value, 0)
        shapes = possible_shapes(self._texts)
        return _masked(copied, shapes) if shapes else copied

    def _value(self, value: Any, depth: int) -> Any:
        self._nodes -= 1
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return self._members(value, depth + 1)
        if isinstance(value, list | tuple):
            return self._items(value, depth + 1)
        return self._scalar(value)

    def _members(self, members: dict[Any, Any], depth: int) -> Any:
        if depth > self._bounds.depth:
            return _cut("nested too deep")
        copied: dict[str, Any] = {}
        named_value = _key_of_secret_value(members)
        for done, (key, value) in enumerate(members.items()):
            if self._nodes <= 0 or self._room <= 0:
                copied[_free("[cut]", copied)] = f"{len(members) - done} more members"
                break
            text = _key_text(key)
            name = self._name(text)
            if name in copied:
                name = _free(name, copied)
            if (is_secret_name(text) and self._hides(text, value)) or text == named_value:
                copied[name] = self._secret()
            else:
                copied[name] = self._value(value, depth)
        return copied

    def _items(self, items: Sequence[Any], depth: int) -> Any:
        if depth > self._bounds.depth:
            return _cut("nested too deep")
        copied: list[Any] = []
        flagged = False
        for done, item in enumerate(items):
            if self._nodes <= 0 or self._room <= 0:
                copied.append(_cut(f"{len(items) - done} more items"))
                break
            copied.append(self._secret() if flagged else self._value(item, depth))
            flagged = _is_secret_flag(item)
        return copied

    def _hides(self, name: str, value: Any) -> bool:
        return not _is_harmless(name, value)

    def _name(self, name: str) -> str:
        if len(name) > self._bounds.name:
            name = _shortened(name, self._bounds.name)
        self._room -= len(name) + 4
        self._texts.append(name)
        return name

    def _text(self, text: str) -> str:
        if len(text) > self._bounds.text or len(text) > self._room:
            text = _shortened(text, min(self._bounds.text, max(self._room, 0)))
        self._room -= len(text) + 3
        self._texts.append(text)
        return text

    def _secret(self) -> str:
        self._nodes -= 1
        self._room -= len(REDACTED)
        return REDACTED

    def _scalar(self, value: Any) -> Any:
        self._room -= 8
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return self._integer(value)
        if isinstance(value, float):
            card = (
                value.is_integer()
                and _SMALLEST_CARD <= value < _BEYOND_CARDS
                and is_card_number(str(int(value)))
            )
            return REDACTED if card else value
        return f"[{type(value).__name__}]"

    def _integer(self, value: int) -> Any:
        if _SMALLEST_CARD <= value < _BEYOND_CARDS and is_card_number(str(value)):
            return REDACTED
        if value.bit_length() > _LARGEST_INTEGER_BITS:
            return _cut(f"an integer of {value.bit_length()} bits")
        return value


class _Details(_Copy):
    """A copy in which the value of a secret's name stays where it only refers to the secret."""

    def _hides(self, name: str, value: Any) -> bool:
        refers = isinstance(value, str) and _REFERENCE.fullmatch(value) is not None
        return not refers and super()._hides(name, value)


class _Outline(_Copy):
    """The structure of a value, with JSON type names in place of values."""

    def _hides(self, name: str, value: Any) -> bool:
        return False

    def _text(self, text: str) -> str:
        self._room -= 8
        return "string"

    def _secret(self) -> str:
        return self._text("")

    def _scalar(self, value: Any) -> Any:
        self._room -= 8
        if value is None:
            return "null"
        if isinstance(value, bool):
            return "boolean"
        return "number" if isinstance(value, int | float) else type(value).__name__


def mask_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return an MCP's options as they may be shown: environment, headers, arguments and URLs without secrets.

    References (`env://NAME`, `file:///path`) stay, because they tell nothing but where a secret is kept.
    """
    shown: dict[str, Any] = _option(options, False, 0)
    return shown


_REFERENCE = re.compile(r"(?:env|file)://[^\s@]*")
_USERINFO = re.compile(r"://[^\s/?#@]*@")
_PARAMETER = re.compile(r"(?P<name>[^?&=#\s]+)=(?P<value>[^&#\s]*)")
_DEEPEST_OPTION = 16


def _option(value: Any, secret: bool, depth: int) -> Any:
    if depth > _DEEPEST_OPTION:
        return _cut("nested too deep")
    if isinstance(value, Mapping):
        members = {_key_text(name): item for name, item in value.items()}
        return {
            mask_text(name): _option(item, secret or is_secret_option(name), depth + 1)
            for name, item in members.items()
        }
    if isinstance(value, list | tuple):
        flags = [False, *map(_is_secret_flag, value)]
        return [_option(item, secret or flag, depth + 1) for item, flag in zip(value, flags, strict=False)]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _option_text(value, secret)
    return REDACTED if secret else value


def _option_text(text: str, secret: bool) -> str:
    if _REFERENCE.fullmatch(text) is not None:
        return text
    if secret:
        return REDACTED
    masked = mask_text(text)
    if "://" in masked:
        masked = _USERINFO.sub(f"://{REDACTED}@", masked)
        address, mark, query = masked.partition("?")
        masked = f"{address}{mark}{_PARAMETER.sub(_mask_parameter, query)}"
    return masked


def _mask_parameter(match: re.Match[str]) -> str:
    return f"{match['name']}={REDACTED}" if is_secret_option(match["name"]) else match[0]


def _masked(value: Any, shapes: Iterable[Shape]) -> Any:
    if isinstance(value, str):
        return mask_shapes(value, shapes)
    if isinstance(value, list):
        return [_masked(item, shapes) for item in value]
    if isinstance(value, dict):
        masked: dict[str, Any] = {}
        for name, item in value.items():
            masked[_free(mask_shapes(name, shapes), masked)] = _masked(item, shapes)
        return masked
    return value


def _free(name: str, taken: Mapping[str, Any]) -> str:
    # Two names may look the same once they are masked or shortened; both members are kept.
    number = len(taken)
    free = name
    while free in taken:
        free = f"{name} ({number})"
        number += 1
    return free


def _key_text(key: Any) -> str:
    """Return the name of a member; JSON knows only texts, Python anything."""
    if isinstance(key, str):
        return key
    plain = key is None or isinstance(key, bool | float)
    if plain or (isinstance(key, int) and key.bit_length() <= _LARGEST_INTEGER_BITS):
        return str(key)
    return f"[{type(key).__name__}]"


def _key_of_secret_value(members: Mapping[Any, Any]) -> str | None:
    """Return the key that holds a secret in `{"name": "api_key", "value": ...}` and its like."""
    for value_key, name_keys in (("value", ("name", "key")), ("Value", ("Name", "Key"))):
        if value_key in members:
            for name_key in name_keys:
                name = members.get(name_key)
                if isinstance(name, str) and is_secret_name(name):
                    return value_key
    return None


def _is_secret_flag(item: Any) -> bool:
    """Tell whether this is a command-line flag whose value, the next argument, is a secret."""
    return isinstance(item, str) and item.startswith("-") and "=" not in item and is_secret_name(item)


def _is_harmless(name: str, value: Any) -> bool:
    """Tell whether a secret's name stands for something else here: a flag, nothing, or a count of tokens."""
    if value is None or isinstance(value, bool) or value in ("", [], {}):
        return True
    return isinstance(value, int | float) and name.lower().endswith("tokens")


def _cut(what: str) -> str:
    return f"[cut: {what}]"


def _shortened(text: str, limit: int) -> str:
    window = text[: limit + _MARGIN]
    masked = mask_text(window)
    # Where masking made the text shorter, its unrecognised end must not move into what is kept.
    spared = _MARGIN if len(text) > len(window) else 0
    kept = masked[: max(min(limit, len(masked) - spared), 0)]
    return f"{kept}{_cut(f'{len(text) - len(kept)} more characters')}"
