"""Masks secrets in the options of an MCP, so that they can be shown and recorded."""

import re
from collections.abc import Mapping
from typing import Any

from ambassador_server.domain.secrets.marks import REDACTED, WITHHELD, cut_mark
from ambassador_server.domain.secrets.redaction import member_name
from ambassador_server.domain.secrets.secret_names import is_reference, is_secret_flag, is_secret_option
from ambassador_server.domain.secrets.shapes import log_withheld, mask_text


def mask_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return an MCP's options with secrets masked in environment, headers, arguments and URLs.

    References (`env://NAME`, `file:///path`) stay, because they only tell where a secret is stored.
    """
    try:
        masked: dict[str, Any] = _option(options, False, 0)
    except Exception as error:
        log_withheld(error)
        return dict.fromkeys(map(member_name, options), WITHHELD)
    return masked


_USERINFO = re.compile(r"://[^\s/?#@]*@")
_PARAMETER = re.compile(r"(?P<name>[^?&=#\s]+)=(?P<value>[^&#\s]*)")
_MAX_DEPTH = 16


def _option(value: Any, secret: bool, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        return cut_mark("nested too deep")
    if isinstance(value, Mapping):
        members = {member_name(name): item for name, item in value.items()}
        return {
            mask_text(name): _option(item, secret or is_secret_option(name), depth + 1)
            for name, item in members.items()
        }
    if isinstance(value, list | tuple):
        flags = [False, *map(is_secret_flag, value)]
        return [_option(item, secret or flag, depth + 1) for item, flag in zip(value, flags, strict=False)]
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
    if "://" in masked:
        masked = _USERINFO.sub(f"://{REDACTED}@", masked)
        address, mark, query = masked.partition("?")
        masked = f"{address}{mark}{_PARAMETER.sub(_mask_parameter, query)}"
    return masked


def _mask_parameter(match: re.Match[str]) -> str:
    return f"{match['name']}={REDACTED}" if is_secret_option(match["name"]) else match[0]
