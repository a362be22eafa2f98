"""A request to the admin API as a value, so that it can be shown instead of sent."""

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
    """One call; `missing_hint` and `conflict_hint` are the hints for a user whom the server answers 404 or 409."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    missing_hint: str | None = None
    conflict_hint: str | None = None

    def with_query(self, **query: str | Sequence[str] | None) -> "Request":
        """Return the same request with these parameters, too; those that are None say nothing."""
        said = {name: value for name, value in query.items() if value is not None}
        return replace(self, query={**self.query, **said})

    def hint(self, status: int) -> str | None:
        """Return what mends this status."""
        return {404: self.missing_hint, 409: self.conflict_hint}.get(status)


def get(
    path: str, *, query: Mapping[str, str | None] = _NO_QUERY, missing_hint: str | None = None
) -> Request:
    """Read; query members that are None are left out."""
    present = {name: value for name, value in query.items() if value is not None}
    return Request(method="GET", path=path, query=present, missing_hint=missing_hint)


def body_of(body: "DataclassInstance") -> dict[str, Any]:
    """Return the members of a wire body that say something."""
    return {name: value for name, value in asdict(body).items() if value is not None}


def subpath(path: str, *segments: str) -> str:
    """Append path segments, percent-encoded so that no name can leave its place."""
    for segment in segments:
        if segment.strip(".") == "":
            raise UsageError(f"{segment!r} is not a name.")
    return "/".join([path, *(quote(segment, safe="") for segment in segments)])


def quoted(name: str) -> str:
    """Return the name as a shell would take it back."""
    return shlex.quote(name)
