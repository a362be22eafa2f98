"""Bodies of `/v1/admin/limits` and `/v1/admin/limit-counters`."""

from dataclasses import dataclass
from typing import Any, ClassVar

from ambassador_protocol.admin.enumerations import LimitMeasure, LimitScope
from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitPut:
    """`PUT /v1/admin/limits/{name}`: creates or replaces a limit; `target` is a name or id, absent for `everyone`.

    A limit of a tool, an MCP or a class of tools counts the calls of all users together; one of a group or of everyone
    counts those of each user. `burst`, of `calls_per_minute` alone, is how many calls may come at once; absent, those
    of a minute. An absent owner stays as it is. A tool must be known, unless `allow_unmatched` is true or its MCP has
    never been connected.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    scope: LimitScope
    measure: LimitMeasure
    value: int
    target: str | None = None
    burst: int | None = None
    owner: str | None = None
    allow_unmatched: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitView:
    """A limit; `burst` is null for every measure but `calls_per_minute`."""

    id: str
    name: str
    scope: LimitScope
    target: str | None
    measure: LimitMeasure
    value: int
    burst: int | None
    owner: str | None
    created_at: str
    created_by: str
    updated_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenLimit(LimitView):
    """A limit that was created or changed; `warnings` name a tool that is not known now."""

    warnings: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitCounterView:
    """One counter of the answering server: `used` of `most` calls are counted now.

    `user` is set where each user has a counter; without it the counter is of all whom the limit is about.
    """

    limit: str
    scope: LimitScope
    target: str | None
    measure: LimitMeasure
    user: str | None
    used: int
    most: int
    percent: int
