"""The marks that replace what is masked or cut."""

REDACTED = "[redacted]"

WITHHELD = "[withheld]"
"""Replaces what could not be searched for secrets."""


def cut_mark(what: str) -> str:
    """Return the mark that replaces what is left out for its size or depth."""
    return f"[cut: {what}]"


def duplicate_name(name: str, number: int) -> str:
    """Return the name under which the second, third, ... member of the same name is recorded."""
    # The name stays at the end, where the words are that tell whether it is that of a secret.
    return f"{_DUPLICATE} {number}] {name}"


def without_duplicate_mark(name: str) -> str:
    """Return the name that the member had in the arguments."""
    return name.partition("] ")[2] if name.startswith(_DUPLICATE) else name


_DUPLICATE = "[duplicate"
