"""Records that identity headers came from elsewhere than a trusted gateway; they are ignored in any case."""

from contextlib import suppress
from enum import StrEnum

from ambassador_server.domain.audit.events import Actor, ActorKind, AuditAction, Outcome, Resource
from ambassador_server.domain.people.principals import Origin
from ambassador_server.errors import AuditUnavailableError
from ambassador_server.ports.clock import Clock
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.sign_in.rare_addresses import RareAddresses


class IgnoredBecause(StrEnum):
    """Why identity headers change nothing."""

    NOT_FROM_GATEWAY = "not_from_gateway"
    NOT_READ = "certificates_not_read"


class IgnoredHeaders:
    """Counts requests with such headers, and records one a minute of each address."""

    def __init__(self, *, recorder: Recorder, clock: Clock) -> None:
        self._recorder = recorder
        self._rare = RareAddresses(clock)
        self.requests = 0

    async def tell(self, origin: Origin, names: list[str], *, reason: IgnoredBecause) -> None:
        """Count a request, and record it if its address was not recorded lately; raises nothing."""
        self.requests += 1
        if not self._rare.is_due(origin.address):
            return
        # The headers change nothing, so a log that cannot be written does not, either.
        with suppress(AuditUnavailableError):
            await self._recorder.event(
                AuditAction.GATEWAY_IGNORE,
                Outcome.DENIED,
                actor=Actor(kind=ActorKind.UNKNOWN),
                resource=Resource(kind="gateway", id=None, name=None),
                origin=origin,
                reason=reason,
                details={"headers": names},
            )
