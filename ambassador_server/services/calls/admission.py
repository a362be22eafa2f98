"""Admits a permitted call: it gets the arguments of the downstream, and is held to constraints of these."""

from msgspec.structs import replace

from ambassador_server.domain.policy.argument_checks import CallParams
from ambassador_server.domain.policy.decide import decide
from ambassador_server.domain.policy.decision import Deny, Permit
from ambassador_server.services.calls.call_approvals import CallApprovals
from ambassador_server.services.calls.call_edits import CallEdits
from ambassador_server.services.calls.capability_call import CapabilityCall
from ambassador_server.services.calls.catalog_index import CatalogEntry
from ambassador_server.services.calls.in_flight import CallStoppedError
from ambassador_server.services.calls.limits import CallLimits
from ambassador_server.services.changes.policy_keeper import PolicyKeeper


class Admission:
    """Gives a call the arguments of the downstream and decides about these; then `approvals` and `limits` admit it."""

    def __init__(self, policy: PolicyKeeper, limits: CallLimits, approvals: CallApprovals) -> None:
        self._policy = policy
        self.limits = limits
        self.approvals = approvals

    async def edit(
        self, call: CapabilityCall, entry: CatalogEntry, edits: CallEdits, permit: Permit
    ) -> tuple[CapabilityCall, Permit]:
        """Return the call as the downstream gets it, and what permits that; raises CallStoppedError."""
        members = await edits.arguments(call.method, call.members)
        if isinstance(members, Deny):
            raise CallStoppedError(members)
        call = replace(call, members=members)
        return call, self._permitted(call, entry, permit)

    def _permitted(self, call: CapabilityCall, entry: CatalogEntry, permit: Permit) -> Permit:
        # A request about a task is no call with arguments of its own.
        if not permit.constrained or not call.sends_name:
            return permit
        moment = self._policy.current_moment()
        params = CallParams(call.members)
        decision = decide(self._policy.snapshot, call.principal, entry.ref, moment, params)
        if isinstance(decision, Deny):
            raise CallStoppedError(decision)
        return decision
