"""Revisions of objects, so that a change can be refused if the object changed after the caller read it."""

import hashlib
from dataclasses import fields
from typing import TYPE_CHECKING

from ambassador_server.errors import Advice, ChangedMeanwhileError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ANY = "*"
ExpectedRevisions = frozenset[str] | None
"""The revisions that a change may be made to; ANY allows each revision of an existing object, None skips the check."""

_LENGTH = 32


def revision(item: "DataclassInstance") -> str:
    """Return a digest of all fields of the object."""
    state = repr([getattr(item, field.name) for field in fields(item)])
    return hashlib.sha256(state.encode(errors="surrogatepass")).hexdigest()[:_LENGTH]


def check_revision(item: "DataclassInstance | None", expected: ExpectedRevisions) -> None:
    """Raise ChangedMeanwhileError unless the object exists and has one of the expected revisions."""
    if expected is None:
        return
    if item is None or (ANY not in expected and revision(item) not in expected):
        raise ChangedMeanwhileError("It has been changed since you looked at it", advice=Advice.READ_AGAIN)
