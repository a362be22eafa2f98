"""The marks that replace what is masked or cut."""

REDACTED = "[redacted]"

WITHHELD = "[withheld]"
"""Replaces what could not be searched for secrets."""


def cut_mark(what: str) -> str:
    """Return the mark that replaces what is left out for its size or depth."""
    return f"[cut: {what}]"
