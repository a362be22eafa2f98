"""Recognises names of secrets, and references to secrets that are kept elsewhere."""

import re
import unicodedata
from functools import lru_cache
from typing import Any

_LONGEST_CACHED_NAME = 64
_LONGEST_NAME = 1024

# Searched for in lower-case names without separators; the lookaheads exclude common words such as "secretary".
_SECRET_NAME = re.compile(
    r"passw(?:or)?d|passphrase|passcode|pwd|secret(?!ar)|token(?!i[sz])|authoriz|cookie|credential|bearer|jwt"
    r"|(?:api|access|private|secret|account|auth|shared|signing|encryption|master|session|ssh|deploy|service)key"
    r"|authheader|onetimecode|cvv2?$|cvc2?$"
)
_FINAL_WORDS = frozenset({"auth", "pass", "otp", "totp", "pin"})
_FINAL_OPTION_WORDS = _FINAL_WORDS | {"key", "keys", "sig", "signature", "code", "dsn"}
_WORD = re.compile(r"[A-Z]*[a-z0-9]+|[A-Z]+")


def is_secret_name(name: str) -> bool:
    """Tell whether a value with this name is a secret; case and separators do not matter."""
    return _is_secret_cached(name) if len(name) <= _LONGEST_CACHED_NAME else _is_secret(name)


def is_secret_option(name: str) -> bool:
    """Tell whether an environment variable, header or query parameter is a secret; there every key is one."""
    return is_secret_name(name) or _last_word(name) in _FINAL_OPTION_WORDS


def _is_secret(name: str) -> bool:
    if len(name) > _LONGEST_NAME:
        return True
    folded = unicodedata.normalize("NFKC", name).lower()
    joined = "".join(filter(str.isalnum, folded))
    return _SECRET_NAME.search(joined) is not None or _last_word(name) in _FINAL_WORDS


_is_secret_cached = lru_cache(maxsize=4096)(_is_secret)


def _last_word(name: str) -> str:
    words = _WORD.findall(name[-_LONGEST_NAME:])
    return words[-1].lower() if words else ""


_REFERENCE = re.compile(r"(?:env|file|hashicorp)://[^\s@]*")


def is_secret_flag(item: Any) -> bool:
    """Tell whether the item is a command-line flag whose value, the next argument, is a secret."""
    return isinstance(item, str) and item.startswith("-") and "=" not in item and is_secret_name(item)


def is_reference(text: str) -> bool:
    """Tell whether the text only refers to a secret, such as `env://NAME` and `file:///path`."""
    return _REFERENCE.fullmatch(text) is not None
