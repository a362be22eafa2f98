"""Records connections that are refused for their client certificate, before there is a request."""

from contextlib import suppress

from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.people.principals import Origin
from ambassador_server.errors import AuditUnavailableError
from ambassador_server.ports.clock import Clock
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.sign_in.rare_addresses import RareAddresses
from ambassador_server.services.sign_in.refusals import record_refusal


class RefusedConnections:
    """Records one refusal a minute of each address and reason: a handshake costs a stranger little."""

    def __init__(self, *, recorder: Recorder, clock: Clock) -> None:
        self._recorder = recorder
        self._rare = RareAddresses(clock)

    def is_due(self, address: str, reason: str) -> bool:
        """Tell whether to record a refusal; if so, it has to be recorded."""
        return self._rare.is_due(address, reason)

    async def record(self, origin: Origin, reason: str) -> None:
        """Record a refusal; raises nothing."""
        # The connection is refused in any case, so a log that cannot be written changes nothing.
        with suppress(AuditUnavailableError):
            await record_refusal(self._recorder, AuditAction.TOKEN_REFUSE, None, reason=reason, origin=origin)
