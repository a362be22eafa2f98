"""Ends everything that a user holds, in the transaction that deactivates the user; policy and history stay."""

from dataclasses import replace
from datetime import datetime

from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.resources import key_resource, request_resource, session_resource
from ambassador_server.domain.people.client_keys import KeyStatus
from ambassador_server.domain.people.users import User
from ambassador_server.domain.policy.approval_requests import OPEN, RequestStatus
from ambassador_server.services.administration.admin_guard import end_logins
from ambassador_server.services.administration.enrolments import cancel_codes
from ambassador_server.services.changes.audited_change import Change
from ambassador_server.services.credentials.stored_credentials import REVOCATION, RevokedBecause, revoke

_BECAUSE = "user_deactivated"


async def end_everything_held(change: Change, user: User, now: datetime) -> None:
    """Revoke keys, sessions, logins, password, codes, credentials, begun connections and open requests of a user.

    Access by OAuth, also of a connection that the user has not finished, is kept for the job that revokes it at its
    provider. Calls and streams in flight end with the status of the user.
    """
    work = change.work
    await _revoke_keys(change, user)
    await _end_sessions(change, user, now)
    await end_logins(work, user, now)
    if await work.passwords.get(user.user_id) is not None:
        await work.passwords.remove(user.user_id)
    await cancel_codes(change, user, now)
    for begun in await work.pending.of(user_id=user.user_id):
        if not begun.pending_id.startswith(REVOCATION):
            await work.pending.replace(begun.ended(now))
    await revoke(change, await work.credentials.of(user_id=user.user_id), RevokedBecause.DEACTIVATED, now)
    await _cancel_requests(change, user, now)


async def _revoke_keys(change: Change, user: User) -> None:
    for key in await change.work.keys.of(user_id=user.user_id):
        if key.status is not KeyStatus.REVOKED:
            await change.work.keys.replace(replace(key, status=KeyStatus.REVOKED))
            change.record(
                AuditAction.KEY_REVOKE, key_resource(key), prefix=key.prefix, user=user.name, because=_BECAUSE
            )


async def _end_sessions(change: Change, user: User, now: datetime) -> None:
    for session in await change.work.sessions.of(user_id=user.user_id):
        if session.is_open(now):
            await change.work.sessions.end(session.session_id, at=now, reason=_BECAUSE)
            change.record(
                AuditAction.SESSION_REVOKE, session_resource(session), user=user.name, because=_BECAUSE
            )


async def _cancel_requests(change: Change, user: User, now: datetime) -> None:
    for request in await change.work.requests.of(user_id=user.user_id):
        if request.status not in OPEN:
            continue
        after = request.ended(RequestStatus.CANCELLED)
        if await change.work.requests.move(request, after, now=now):
            change.record(
                AuditAction.REQUEST_CANCEL,
                request_resource(after),
                kind=request.kind.value,
                user=user.name,
                because=_BECAUSE,
            )
