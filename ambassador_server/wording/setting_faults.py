"""What is wrong with a setting, in words for the person who set it."""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

Context = Mapping[str, Any]

_TEXTS: Mapping[str, Callable[[Context], str]] = {
    "missing": lambda _: "is missing",
    "int_type": lambda _: "must be a whole number",
    "int_parsing": lambda _: "must be a whole number",
    "int_from_float": lambda _: "must be a whole number",
    "float_type": lambda _: "must be a number",
    "float_parsing": lambda _: "must be a number",
    "finite_number": lambda _: "must be a finite number",
    "bool_type": lambda _: "must be true or false",
    "bool_parsing": lambda _: "must be true or false",
    "string_type": lambda _: "must be a text",
    "string_too_short": lambda context: f"must have at least {context['min_length']} characters",
    "string_too_long": lambda context: f"must have at most {context['max_length']} characters",
    "string_pattern_mismatch": lambda context: f"must match {context['pattern']}",
    "path_type": lambda _: "must be a path",
    "tuple_type": lambda _: "must be a list",
    "list_type": lambda _: "must be a list",
    "model_type": lambda _: "must hold settings by name",
    "dict_type": lambda _: "must hold settings by name",
    "literal_error": lambda context: f"must be {context['expected']}",
    "greater_than_equal": lambda context: f"must be at least {context['ge']}",
    "greater_than": lambda context: f"must be more than {context['gt']}",
    "less_than_equal": lambda context: f"must be at most {context['le']}",
    "less_than": lambda context: f"must be less than {context['lt']}",
    "value_error": lambda context: str(context["error"]),
    "ip_any_network": lambda _: "must be a network such as 10.0.0.0/8",
}
"""By kind of validation error; the context has the bounds."""


def fault_text(kind: str, message: str, context: Context) -> str:
    """Return what is wrong, for a validation error of this kind; `message` is the text for kinds without one here."""
    text = _TEXTS.get(kind)
    return message[:1].lower() + message[1:] if text is None else text(context)


def unknown_text(name: str, known: Iterable[str]) -> str:
    """Return what is wrong with the name of a setting that does not exist, with similar names."""
    similar = get_close_matches(name, list(known))
    return "there is no such setting" + (f"; did you mean {' or '.join(similar)}?" if similar else "")
