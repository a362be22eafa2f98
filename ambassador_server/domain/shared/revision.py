"""Which state of an object somebody has seen, so that no change is made to a state nobody looked at."""

import hashlib
from dataclasses import fields
from typing import TYPE_CHECKING

from ambassador_server.errors import ChangedMeanwhileError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ANY = "*"
Expected = frozenset[str] | None
"""The revisions a change may be made to; ANY is every one of an object that exists, None asks for nothing."""

_LENGTH = 32


def revision(item: "DataclassInstance") -> str:
    """Return a digest over everything an administrator can change about the object."""
    state = repr([getattr(item, field.name) for field in fields(item)])
    return hashlib.sha256(state.encode(errors="surrogatepass")).hexdigest()[:_LENGTH]


def check_revision(item: "DataclassInstance | None", expected: Expected) -> None:
    """Raise ChangedMeanwhileError unless the object is there, in one of the states that are expected."""
    if expected is None:
        return
    if item is None or (ANY not in expected and revision(item) not in expected):
        raise ChangedMeanwhileError(
            "It has been changed since you looked at it", hint="Read it again, then decide again."
        )
