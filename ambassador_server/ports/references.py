"""The interface of the use cases to the places where secrets are stored."""

from collections.abc import Awaitable, Callable

ResolveReference = Callable[[str], Awaitable[str]]
"""Returns the secret that a reference such as `env://NAME` names; raises DownstreamUnavailableError without one."""
