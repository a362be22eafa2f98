"""Approvals of calls: finds the approval of a call or asks for it, and uses it right before the call is sent."""

import json
from typing import Any, Final

from ambassador_server.domain.audit.actors import Requester, user_actor
from ambassador_server.domain.policy.approval_binding import APPROVED_METHODS, basis_of, call_digest
from ambassador_server.domain.policy.approval_requests import ApprovalRequest, RequestKind, RequestStatus
from ambassador_server.domain.policy.argument_checks import CallParams
from ambassador_server.domain.policy.decide import decide
from ambassador_server.domain.policy.decision import (
    ApprovalFault,
    Decision,
    Deny,
    LackingApproval,
    Permit,
    Reason,
)
from ambassador_server.domain.policy.snapshot import Snapshot
from ambassador_server.domain.shared.large_documents import LARGE, off_loop
from ambassador_server.services.calls.call_records import CallRecords
from ambassador_server.services.calls.capability_call import CapabilityCall, UsedApproval, argument_bytes
from ambassador_server.services.calls.catalog_index import CatalogEntry
from ambassador_server.services.calls.in_flight import CallInFlight, CallStoppedError
from ambassador_server.services.changes.approval_requests import (
    ApprovalRequests,
    TooManyRequestsError,
    Wanted,
)
from ambassador_server.services.changes.approval_waits import ApprovalWaits
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.shared.database_deadline import within_deadline

_LARGEST_SHOWN: Final = 16 * 1024
"""How many characters of the arguments, as JSON, those who decide see."""


class CallApproval:
    """The approval of one call; it serves once, in `use`."""

    __slots__ = ("_approvals", "_call", "_entry", "request")

    def __init__(
        self, approvals: "CallApprovals", call: CapabilityCall, entry: CatalogEntry, request: ApprovalRequest
    ) -> None:
        self._approvals = approvals
        self._call = call
        self._entry = entry
        self.request = request

    async def use(self) -> UsedApproval:
        """Use the approval; raises CallStoppedError if it does not serve any more."""
        used = await self._approvals.use(self._call, self._entry, self.request)
        return UsedApproval(used.request_id, used.rounds)


class CallApprovals:
    """Demands the approvals that grants demand. Everything is decided again right before one is used."""

    def __init__(
        self,
        *,
        policy: PolicyKeeper,
        records: CallRecords,
        requests: ApprovalRequests,
        waits: ApprovalWaits,
        hold_seconds: float,
    ) -> None:
        self._policy = policy
        self._records = records
        self._requests = requests
        self._waits = waits
        self._hold_seconds = hold_seconds

    async def find(
        self, call: CapabilityCall, entry: CatalogEntry, permit: Permit, running: CallInFlight
    ) -> Snapshot:
        """Give a running call its approval, if its method needs one; return the policy as it is after that.

        Raises CallStoppedError for a call that is not approved; another person is asked for the approval.
        """
        if permit.approval is not None and call.method in APPROVED_METHODS:
            running.approval = await self._of(call, entry, permit)
        return self._policy.snapshot

    async def _of(self, call: CapabilityCall, entry: CatalogEntry, permit: Permit) -> CallApproval:
        size = sum(map(len, call.members.values()))
        digest = (
            call_digest(call.method, entry.ref, call.members)
            if size <= LARGE
            else await off_loop(call_digest, call.method, entry.ref, call.members)
        )
        if call.approval is not None:
            return CallApproval(self, call, entry, await self._continued(call, entry, permit, digest))
        wanted = await self._wanted(call, entry, permit, digest)
        request = await self._found(wanted) or await self._asked(call, wanted)
        # A call with a deadline of its own is one of several, whose answers wait for each other.
        if request.status is RequestStatus.PENDING and self._hold_seconds and call.seconds is None:
            request = await self._waits.decided(request, self._hold_seconds)
        if request.status is not RequestStatus.APPROVED:
            raise CallStoppedError(self._lack(request))
        return CallApproval(self, call, entry, request)

    async def use(
        self, call: CapabilityCall, entry: CatalogEntry, request: ApprovalRequest
    ) -> ApprovalRequest:
        """Use an approval, and return it as it is after that.

        The policy is confirmed after the use: what has changed until then stops the call, a kill switch as well.
        """
        self._check(call, entry, request)
        used = await self._moved(call, request)
        if used is None:
            raise CallStoppedError(_lacking(ApprovalFault.OUTDATED, request))
        self._check(call, entry, request)
        return used

    @within_deadline
    async def _moved(self, call: CapabilityCall, request: ApprovalRequest) -> ApprovalRequest | None:
        move = self._requests.use_again if request.status is RequestStatus.USED else self._requests.use
        return await move(_requester(call), request)

    @within_deadline
    async def _found(self, wanted: Wanted) -> ApprovalRequest | None:
        return await self._requests.find(wanted)

    @within_deadline
    async def _asked(self, call: CapabilityCall, wanted: Wanted) -> ApprovalRequest:
        try:
            return await self._requests.ask(_requester(call), wanted)
        except TooManyRequestsError:
            raise CallStoppedError(_lacking(ApprovalFault.TOO_MANY)) from None

    @within_deadline
    async def _stored(self, request_id: str) -> ApprovalRequest | None:
        return await self._requests.get(request_id)

    async def _continued(
        self, call: CapabilityCall, entry: CatalogEntry, permit: Permit, digest: str
    ) -> ApprovalRequest:
        """Return the approval that a call has used, which goes on with answers of its user."""
        used = call.approval
        request = None if used is None else await self._stored(used.request_id)
        if (
            used is None
            or request is None
            or (request.status, request.rounds) != (RequestStatus.USED, used.round)
            or (request.user_id, request.key_id) != (call.principal.user_id, call.principal.key_id)
            or request.digest != digest
            or request.basis != basis_of(self._policy.snapshot, permit, entry.ref)
        ):
            raise CallStoppedError(_lacking(ApprovalFault.OUTDATED, request))
        return request

    async def _wanted(self, call: CapabilityCall, entry: CatalogEntry, permit: Permit, digest: str) -> Wanted:
        raw = argument_bytes(call)
        shown = self._shown(entry, raw) if len(raw) <= LARGE else await off_loop(self._shown, entry, raw)
        if permit.approval is None:
            raise ValueError("the permit demands no approval")
        return Wanted(
            kind=RequestKind.CALL,
            user_id=call.principal.user_id,
            key_id=call.principal.key_id,
            mcp_id=entry.ref.mcp_id,
            capability_kind=entry.ref.kind,
            capability=entry.ref.name,
            rule=permit.approval,
            content={"method": call.method, "arguments_bytes": len(raw), **shown},
            digest=digest,
            basis=basis_of(self._policy.snapshot, permit, entry.ref),
            grant_id=permit.grant_id,
        )

    def _shown(self, entry: CatalogEntry, raw: bytes) -> dict[str, Any]:
        """Return what those who decide see of the arguments: what the audit may record, and not all of many."""
        recorded = self._records.arguments(entry, raw)
        text = json.dumps(recorded, allow_nan=False, default=str)
        if len(text) <= _LARGEST_SHOWN:
            return {"arguments": json.loads(text)}
        return {"arguments": text[:_LARGEST_SHOWN], "is_cut": True}

    def _check(self, call: CapabilityCall, entry: CatalogEntry, request: ApprovalRequest) -> None:
        """Raise CallStoppedError unless the call is permitted now, for the same reasons as when it was asked for."""
        snapshot, moment = self._policy.snapshot, self._policy.current_moment()
        decision: Decision = decide(snapshot, call.principal, entry.ref, moment, CallParams(call.members))
        if isinstance(decision, Deny):
            raise CallStoppedError(decision)
        if decision.approval is not None and basis_of(snapshot, decision, entry.ref) != request.basis:
            raise CallStoppedError(_lacking(ApprovalFault.OUTDATED, request))

    def _lack(self, request: ApprovalRequest) -> Deny:
        denied = request.status is RequestStatus.DENIED
        fault = ApprovalFault.DENIED if denied else ApprovalFault.PENDING
        if request.status not in {RequestStatus.PENDING, RequestStatus.DENIED}:
            fault = ApprovalFault.OUTDATED
        group = self._policy.snapshot.groups.get(request.approvers or "")
        return _lacking(fault, request, None if group is None else group.name)


def _lacking(
    fault: ApprovalFault, request: ApprovalRequest | None = None, approvers: str | None = None
) -> Deny:
    reason = Reason.APPROVAL_DENIED if fault is ApprovalFault.DENIED else Reason.APPROVAL_PENDING
    lacking = LackingApproval(fault=fault, approvers=approvers)
    if request is not None:
        lacking = LackingApproval(
            fault=fault,
            request_id=request.request_id,
            approvers=approvers,
            valid_seconds=request.valid_seconds,
            expires_at=request.expires_at,
            decided_by=request.decided_by,
            decision_reason=request.decision_reason,
        )
    return Deny(reason, disclosed=True, approval=lacking)


def _requester(call: CapabilityCall) -> Requester:
    return Requester(None, call.origin, user_actor(call.principal))
