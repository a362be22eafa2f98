"""Records that what names a user of an issuer was refused: a token, a certificate, an assertion or a sign-in."""

from ambassador_server.domain.audit.events import Actor, ActorKind, AuditAction, Outcome, Resource
from ambassador_server.domain.audit.resources import issuer_resource
from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.principals import Origin
from ambassador_server.services.audit.recorder import Recorder

_NO_ISSUER = Resource(kind="issuer", id=None, name=None)


async def record_refusal(
    recorder: Recorder,
    action: AuditAction,
    issuer: Issuer | None,
    *,
    reason: str,
    origin: Origin,
    user_name: str | None = None,
    redirect: str | None = None,
) -> None:
    """Record a refusal; the issuer is None if it is not known, and so is the user whom nothing names.

    `redirect` is where a browser should have been sent.
    """
    details = {"user": user_name, "redirect": redirect}
    await recorder.event(
        action,
        Outcome.DENIED,
        actor=Actor(kind=ActorKind.UNKNOWN),
        resource=_NO_ISSUER if issuer is None else issuer_resource(issuer),
        origin=origin,
        reason=reason,
        details={name: value for name, value in details.items() if value is not None},
    )
