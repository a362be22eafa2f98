"""Recognises secrets by what stands beside them: after a flag or a header's name, and in pairs of name and value."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ambassador_server.domain.secrets.marks import REDACTED, without_duplicate_mark
from ambassador_server.domain.secrets.secret_names import is_secret_flag, is_secret_name

_HEADER = re.compile(r"(?i:authorization|cookie|[a-z]{1,32}(?:-[a-z0-9]{1,32}){1,5})")
_LONGEST_HEADER = 64
_TWO = 2

# Short flags of programs before a password: in the same argument, or in the one before.
_FLAGS: Mapping[str, tuple[str | None, str | None]] = {
    **dict.fromkeys(("mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-dump", "7z"), ("-p", None)),
    **dict.fromkeys(("sshpass", "mongosh", "mongo", "mongodump", "twine"), (None, "-p")),
    **dict.fromkeys(("redis-cli", "valkey-cli"), (None, "-a")),
    **dict.fromkeys(("sqlcmd", "bcp", "unzip"), (None, "-P")),
    **dict.fromkeys(("ldapsearch", "ldapmodify", "ldapadd"), (None, "-w")),
}
_HEADERS_OF_ONE_WORD = frozenset(
    spelled(word) for word in ("cookie", "authorization") for spelled in (str, str.title, str.upper)
)


def items_with_secrecy(items: Sequence[Any]) -> Iterator[tuple[Any, bool]]:
    """Yield each item of a list, and whether its neighbours show that it is a secret."""
    first = items[0] if items else None
    if isinstance(first, list | tuple) and _are_pairs(items):
        for name, value in items:
            yield ([name, REDACTED] if is_secret_name(name) else [name, value]), False
        return
    attached, separate = (_FLAGS.get(first) if isinstance(first, str) else None) or (None, None)
    after_flag = after_header = False
    for item in items:
        if attached is not None and _has_attached(item, attached):
            yield f"{attached}{REDACTED}", False
        else:
            yield item, after_flag or (after_header and not _is_header(item))
        after_flag = after_header = False
        # Most items are neither, and get by without a call.
        if isinstance(item, str):
            if item[:1] == "-":
                after_flag = item == separate or is_secret_flag(item)
            elif "-" in item or item in _HEADERS_OF_ONE_WORD:
                after_header = _is_header(item) and is_secret_name(item)


def _are_pairs(items: Sequence[Any]) -> bool:
    return all(
        isinstance(item, list | tuple) and len(item) == _TWO and isinstance(item[0], str) for item in items
    )


def _has_attached(item: Any, flag: str) -> bool:
    return isinstance(item, str) and item.startswith(flag) and item != flag


def _is_header(item: Any) -> bool:
    return isinstance(item, str) and len(item) <= _LONGEST_HEADER and _HEADER.fullmatch(item) is not None


_VALUE_KEYS = frozenset({"value", "values", "Value", "Values"})
_NAME_KEYS = frozenset({"name", "key", "header", "field", "Name", "Key", "Header", "Field"})


def key_of_secret_value(members: Mapping[Any, Any]) -> str | None:
    """Return the key of the secret in an object such as `{"name": "api_key", "value": ...}`."""
    if _VALUE_KEYS.isdisjoint(members):
        return None
    for key, name in members.items():
        if isinstance(name, str) and without_duplicate_mark(str(key)) in _NAME_KEYS and is_secret_name(name):
            return next(iter(_VALUE_KEYS.intersection(members)))
    return None
