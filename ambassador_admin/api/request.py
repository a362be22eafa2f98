"""Builds requests to the admin API as values, which a dry run shows instead of sending them."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ambassador_admin.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_NO_QUERY: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; `missing_hint` is shown for the status 404, `conflict_hint` for 409 and 412.

    `unconnected_hint` is shown if the server cannot connect to an MCP.

    With a `revision` the server refuses the change of an object that has another one. With `connects` it may connect to
    an MCP before it answers. `shown` is what people see in place of a body that has a secret.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    missing_hint: str | None = None
    conflict_hint: str | None = None
    unconnected_hint: str | None = None
    connects: bool = False
    revision: str | None = None
    shown: Mapping[str, Any] | None = None

    def with_query(self, **query: str | Sequence[str] | None) -> "Request":
        """Return the request with these query parameters added; None is left out."""
        given = {name: value for name, value in query.items() if value is not None}
        return replace(self, query={**self.query, **given})

    def as_dry_run(self) -> "Request":
        """Return the request with which the server checks this one and changes nothing."""
        return self.with_query(dry_run="true")

    def hint(self, status: int) -> str | None:
        """Return the hint for this status, or None."""
        return {
            404: self.missing_hint,
            409: self.conflict_hint,
            412: self.conflict_hint,
            502: self.unconnected_hint,
            504: self.unconnected_hint,
        }.get(status)


def get(
    path: str, *, query: Mapping[str, str | None] = _NO_QUERY, missing_hint: str | None = None
) -> Request:
    """Return a GET request; query parameters that are None are left out."""
    present = {name: value for name, value in query.items() if value is not None}
    return Request(method="GET", path=path, query=present, missing_hint=missing_hint)


def body_of(body: "DataclassInstance") -> dict[str, Any]:
    """Return the members of a body that are not None."""
    return {name: value for name, value in asdict(body).items() if value is not None}


def subpath(path: str, *segments: str) -> str:
    """Append percent-encoded segments to a path; raises UsageError for one of dots only."""
    for segment in segments:
        if segment.strip(".") == "":
            raise UsageError(f"{segment!r} is not a name.")
    return "/".join([path, *(quote(segment, safe="") for segment in segments)])


def quoted(name: str) -> str:
    """Return the name, quoted for a shell."""
    return shlex.quote(name)
