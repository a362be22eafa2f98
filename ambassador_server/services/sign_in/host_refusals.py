"""Refuses a login of a host: bounds how often an address may try, and records why a login goes no further."""

from dataclasses import dataclass
from typing import Final

from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.people.host_requests import HostLoginFault
from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.principals import Origin
from ambassador_server.domain.secrets.shapes import mask_text
from ambassador_server.errors import RateLimitedError
from ambassador_server.ports.throttle import Rate, Throttle
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.sign_in.login_throttle import count_refused_host
from ambassador_server.services.sign_in.refusals import record_refusal

_LONGEST_RECORDED: Final = 200


@dataclass(frozen=True, eq=False)
class HostRefusals:
    """All steps of all logins of an address together use one rate."""

    recorder: Recorder
    throttle: Throttle
    rate: Rate

    def bound(self, origin: Origin) -> None:
        """Raise RateLimitedError for an address that tries too often."""
        refused = self.rate.take(origin.address)
        if refused is not None:
            raise RateLimitedError("Too many requests", retry_after=refused.wait_seconds)

    async def record(
        self, fault: HostLoginFault, issuer: Issuer, origin: Origin, redirect: str | None = None
    ) -> None:
        """Record a refusal, unless the address was refused too often; administrators may want to list the redirect."""
        if count_refused_host(self.throttle, origin):
            await record_refusal(
                self.recorder,
                AuditAction.HOST_LOGIN_REFUSE,
                issuer,
                reason=fault,
                origin=origin,
                # A secret that is cut would not be recognised any more.
                redirect=None if redirect is None else mask_text(redirect)[:_LONGEST_RECORDED],
            )
