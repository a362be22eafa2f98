"""The caller that a method gets and the outcome that it returns, independent of the era."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.mcp.envelope import Request
from ambassador_server.ports.exchange import Ask, Reply, Tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The principal, the questions that its host supports (a raw JSON object), and the functions that send to the host.

    `tell` is None if the host accepts no event streams; `ask` is None if its era returns questions as results.
    """

    principal: Principal
    origin: Origin
    capabilities: bytes
    tell: Tell | None
    ask: Ask | None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: the name of its member in the result, and its items as raw JSON, separated by commas."""

    member: bytes
    items: bytes


Outcome: TypeAlias = Reply | Page
Method = Callable[[Request, Caller], Awaitable[Outcome]]
"""Serves one method. Raises EnvelopeError for an invalid request, and AmbassadorError."""
