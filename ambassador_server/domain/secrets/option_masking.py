"""Masks secrets in the options of an MCP, so that they can be shown and recorded."""

import re
from collections.abc import Mapping
from typing import Any

from ambassador_server.domain.secrets.marks import REDACTED, WITHHELD, cut_mark
from ambassador_server.domain.secrets.neighbours import items_with_secrecy, key_of_secret_value
from ambassador_server.domain.secrets.redaction import member_name
from ambassador_server.domain.secrets.secret_names import is_reference, is_secret_option
from ambassador_server.domain.secrets.shapes import log_withheld, mask_text


def mask_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return an MCP's options with secrets masked in environment, headers, arguments and URLs.

    They are found by the table that redacts arguments, too; and here every name that ends with a word such as `key` or
    `code` is that of a secret. References (`env://NAME`, `file:///path`) stay, because they only tell where a secret is
    stored.
    """
    try:
        masked: dict[str, Any] = _option(options, False, 0)
    except Exception as error:
        log_withheld(error)
        return dict.fromkeys(map(member_name, options), WITHHELD)
    return masked


_USERINFO = re.compile(r"://[^\s/?#@]*@")
_PARAMETER = re.compile(r"(?P<label>(?P<name>[^?&=#\s]+)=)(?P<value>[^&#\s]*)")
# An argument such as `NAME=value`, `--name=value` or `Name: value`.
_NAMED = re.compile(
    r"(?P<label>-{0,2}(?P<name>[A-Za-z_][A-Za-z0-9_.-]{0,127})(?:=|:[ \t]))(?P<value>.+)", re.DOTALL
)
_MAX_DEPTH = 16


def _option(value: Any, secret: bool, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        return cut_mark("nested too deep")
    if isinstance(value, Mapping):
        members = {member_name(name): item for name, item in value.items()}
        secret_key = key_of_secret_value(members)
        return {
            mask_text(name): _option(item, secret or is_secret_option(name) or name == secret_key, depth + 1)
            for name, item in members.items()
        }
    if isinstance(value, list | tuple):
        return [_option(item, secret or named, depth + 1) for item, named in items_with_secrecy(value)]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _option_text(value, secret)
    return REDACTED if secret else value


def _option_text(text: str, secret: bool) -> str:
    if is_reference(text):
        return text
    if secret:
        return REDACTED
    masked = mask_text(text)
    named = _NAMED.fullmatch(masked)
    if named is not None:
        masked = _mask_parameter(named)
    if "://" in masked:
        masked = _USERINFO.sub(f"://{REDACTED}@", masked)
        address, mark, query = masked.partition("?")
        masked = f"{address}{mark}{_PARAMETER.sub(_mask_parameter, query)}"
    return masked


def _mask_parameter(match: re.Match[str]) -> str:
    is_secret = is_secret_option(match["name"]) and not is_reference(match["value"])
    return f"{match['label']}{REDACTED}" if is_secret else match[0]
