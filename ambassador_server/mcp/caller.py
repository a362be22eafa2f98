"""What a method is given of its caller, whichever era the caller speaks, and what it returns."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.mcp.envelope import Request
from ambassador_server.ports.exchange import Ask, Reply, Tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls, what the host can be asked (a raw JSON object), and the ways back to it.

    `tell` is None for a host that reads no streams; `ask` where its era carries questions in results.
    """

    principal: Principal
    origin: Origin
    capabilities: bytes
    tell: Tell | None
    ask: Ask | None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: the member it stands in, and its items as raw JSON with commas between."""

    member: bytes
    items: bytes


Outcome: TypeAlias = Reply | Page
Method = Callable[[Request, Caller], Awaitable[Outcome]]
"""Serves one method. Raises EnvelopeError for what is wrong with the request, and AmbassadorError."""
