"""The request that is being served, for whatever is told about it in a place that does not know it, such as the log."""

from contextvars import ContextVar
from typing import Self

from msgspec import Struct


class RunningRequest(Struct, gc=False):
    """A request from its begin to its end, in the context of its task and of what that starts.

    Connections and other work outlive the request that started them, with its context; they have no request after that.
    `request_id` is None after the end, `trace_id` that of the call if it is traced.
    """

    request_id: str | None
    trace_id: str | None = None

    def __post_init__(self) -> None:
        _running.set(self)

    def end(self) -> None:
        """End the request, wherever its context was copied to."""
        self.request_id = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


_running: ContextVar[RunningRequest | None] = ContextVar("running_request", default=None)


def running_request() -> RunningRequest | None:
    """Return the request that is being served here; None outside of one and after its end."""
    running = _running.get()
    return None if running is None or running.request_id is None else running


def running_request_id() -> str | None:
    """Return the id of the request that is being served here; None outside of one."""
    running = running_request()
    return None if running is None else running.request_id
