"""The caller that a method gets and the outcome that it returns, independent of the era."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from msgspec import Struct

from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.domain.shared.large_documents import LARGE
from ambassador_server.mcp.envelope import Request
from ambassador_server.ports.exchange import Ask, Reply, Tell
from ambassador_server.services.calls.capability_call import Answered


class Caller(Struct, frozen=True, kw_only=True):
    """The principal, the questions that its host supports (a raw JSON object), and the functions that send to the host.

    `is_modern` tells the era of the host.
    `tell` is None if the host accepts no event streams; `ask` is None if its era returns questions as results.
    `log_level` is that of the log messages that the host wants of this request; None if it wants none.
    """

    principal: Principal
    origin: Origin
    capabilities: bytes
    tell: Tell | None
    ask: Ask | None
    is_modern: bool
    log_level: str | None = None


class Page(Struct, frozen=True):
    """One page of a list: the name of its member in the result, and its items as raw JSON, separated by commas."""

    member: bytes
    items: bytes


Outcome: TypeAlias = Reply | Page
CallOutcome: TypeAlias = Answered | Outcome
"""The answer of a downstream, or else what the host gets."""
Method = Callable[[Request, Caller], Awaitable[Outcome]]
"""Serves one method. Raises EnvelopeError for an invalid request, and AmbassadorError."""


def is_large(outcome: Outcome) -> bool:
    """Tell whether shaping the outcome takes so long that it must not be done on the event loop."""
    return isinstance(outcome, Reply) and len(outcome.result or b"") > LARGE
