"""What can be a secret that two sides share: nothing that is short, and nothing that may be a public key."""

from typing import Final

LEAST_BYTES: Final = 32
_BYTE_ORDER_MARK: Final = "\ufeff"
_PEM: Final = "-----BEGIN "
_OTHER_KEYS: Final = ("{", "ssh-", "ecdsa-", "sk-ssh-", "---- BEGIN ")
"""How keys begin that are no PEM: JSON Web Keys and those of SSH."""


def without_mark(text: str) -> str:
    """Return a text without the mark with which some editors begin a file, and without space around it."""
    return text.strip().removeprefix(_BYTE_ORDER_MARK).strip()


def is_key(text: str) -> bool:
    """Tell whether a text is a key or a certificate in any usual form, which others may know."""
    return _PEM in text or without_mark(text).startswith(_OTHER_KEYS)


def secret_fault(text: str) -> str | None:
    """Return why a text cannot be a shared secret, None if it can."""
    if is_key(text):
        return "is a key or a certificate, which others may know, and no secret"
    if len(text.encode(errors="replace")) < LEAST_BYTES:
        return f"has fewer than {LEAST_BYTES} bytes, so that it could be guessed"
    return None
