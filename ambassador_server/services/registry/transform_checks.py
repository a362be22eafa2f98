"""Checks the transforms of an entry's tools by themselves, without regard to what its downstream offers."""

import re
from collections import Counter
from typing import Final

from ambassador_server.domain.catalog.transforms import (
    EVERY_TOOL,
    NO_TRANSFORMS,
    ToolTransform,
    ToolTransforms,
    compared_name,
)
from ambassador_server.domain.secrets.issued_tokens import ISSUED
from ambassador_server.domain.secrets.own_tokens import OWN
from ambassador_server.domain.secrets.private_keys import PRIVATE_KEYS
from ambassador_server.domain.secrets.shapes import mask_shapes
from ambassador_server.errors import InvalidInputError

MOST_TOOLS: Final = 1000
LONGEST_NAME: Final = 64
LONGEST_TEXT: Final = 4000
MOST_ARGUMENTS: Final = 50
LARGEST_VALUE: Final = 16 * 1024
MAX_CALL_SECONDS: Final = 3600.0
LARGEST_RESULT: Final = 64 * 1024 * 1024
LARGEST_IN_ALL: Final = 512 * 1024
HINTS: Final = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")
TITLE: Final = "title"

_NAME: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST_NAME}}}")
_LONGEST_KEY: Final = 256
_TOKENS: Final = (OWN, *PRIVATE_KEYS, *ISSUED)


def checked_transforms(transforms: ToolTransforms) -> ToolTransforms:
    """Return the transforms without those that change nothing, or raise InvalidInputError."""
    found = {tool: each for tool, each in transforms.by_tool.items() if each.changed}
    if not found:
        return NO_TRANSFORMS
    if len(found) > MOST_TOOLS:
        raise InvalidInputError(f"An MCP has transforms of at most {MOST_TOOLS} tools.")
    for tool, each in found.items():
        _check(tool, each)
    for name, count in Counter(each.name for each in found.values() if each.name is not None).items():
        if count > 1:
            raise InvalidInputError(f"{count} tools cannot have the same name {name!r}.")
    checked = ToolTransforms(by_tool=found)
    if sum(map(_size, found.values())) > LARGEST_IN_ALL:
        raise InvalidInputError(f"The transforms of an MCP have at most {LARGEST_IN_ALL} characters.")
    return checked


def checked_timeout(seconds: float | None, subject: str = "") -> float | None:
    """Return the deadline of a call, or raise InvalidInputError; `subject` says what it is about."""
    if seconds is not None and not 0 < seconds <= MAX_CALL_SECONDS:
        what = f"{subject}: the" if subject else "The"
        raise InvalidInputError(f"{what} call timeout must lie between 0 and {MAX_CALL_SECONDS:.0f} seconds.")
    return seconds


def _check(tool: str, transform: ToolTransform) -> None:
    subject = "Of all tools" if tool == EVERY_TOOL else f"Tool {tool[:_LONGEST_KEY]!r}"
    if not 0 < len(tool) <= _LONGEST_KEY or not _is_text(tool):
        raise InvalidInputError(f"{subject}: the name of a tool has 1 to {_LONGEST_KEY} characters.")
    if transform.name is not None:
        _check_name(tool, transform.name, subject)
    for what, text in (
        ("description", transform.description),
        ("description suffix", transform.description_suffix),
    ):
        if text is not None and not (len(text) <= LONGEST_TEXT and _is_text(text)):
            raise InvalidInputError(
                f"{subject}: the {what} must be printable text of at most {LONGEST_TEXT} characters."
            )
    _check_arguments(transform, subject)
    _check_annotations(transform, subject)
    if transform.result_bytes is not None and not 0 < transform.result_bytes <= LARGEST_RESULT:
        raise InvalidInputError(f"{subject}: the result bytes must lie between 1 and {LARGEST_RESULT}.")
    checked_timeout(transform.call_timeout_seconds, subject)


def _check_name(tool: str, name: str, subject: str) -> None:
    if tool == EVERY_TOOL:
        raise InvalidInputError("All tools cannot have one name: rename each by its own name.")
    if _NAME.fullmatch(name) is None:
        raise InvalidInputError(
            f"{subject}: {name[:LONGEST_NAME]!r} is not a name to publish a tool by: letters, digits, '_' and '-', at "
            f"most {LONGEST_NAME}."
        )


def _check_arguments(transform: ToolTransform, subject: str) -> None:
    for what, given in (
        ("fixed", transform.fixed_arguments),
        ("default", transform.default_arguments),
    ):
        if len(given) > MOST_ARGUMENTS:
            raise InvalidInputError(f"{subject}: at most {MOST_ARGUMENTS} {what} arguments.")
        for name, value in given.items():
            if not 0 < len(name) <= _LONGEST_KEY or not name.isprintable():
                raise InvalidInputError(
                    f"{subject}: the name of an argument has 1 to {_LONGEST_KEY} printable characters."
                )
            if len(value) > LARGEST_VALUE:
                raise InvalidInputError(
                    f"{subject}: the {what} argument {name!r} has more than {LARGEST_VALUE} characters."
                )
            if mask_shapes(value, _TOKENS) != value:
                raise InvalidInputError(
                    f"{subject}: the {what} argument {name!r} holds what looks like a secret, which every "
                    "administrator would see: declare a credential instead."
                )
    fixed, default = (
        {compared_name(name): name for name in given}
        for given in (transform.fixed_arguments, transform.default_arguments)
    )
    for name in fixed.keys() & default.keys():
        raise InvalidInputError(
            f"{subject}: the argument {fixed[name]!r} cannot be fixed and have a default."
        )


def _check_annotations(transform: ToolTransform, subject: str) -> None:
    for name, value in transform.annotations.items():
        if name in HINTS and isinstance(value, bool):
            continue
        if name == TITLE and isinstance(value, str) and len(value) <= _LONGEST_KEY and value.isprintable():
            continue
        raise InvalidInputError(
            f"{subject}: the annotation {name[:LONGEST_NAME]!r} is none, or has a value that it cannot have. There are "
            f"{', '.join(HINTS)}, each true or false, and {TITLE}."
        )


def _is_text(text: str) -> bool:
    return text.replace("\n", "").isprintable()


def _size(transform: ToolTransform) -> int:
    values = (*transform.fixed_arguments.items(), *transform.default_arguments.items())
    texts = (transform.name, transform.description, transform.description_suffix)
    return sum(len(name) + len(text) for name, text in values) + sum(len(text or "") for text in texts)
