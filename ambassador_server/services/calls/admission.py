"""Admits a permitted call: it gets the arguments of the downstream, and is held to constraints and limits."""

from msgspec.structs import replace

from ambassador_server.domain.policy.argument_checks import CallParams
from ambassador_server.domain.policy.decide import decide
from ambassador_server.domain.policy.decision import Deny, Permit
from ambassador_server.services.calls.capability_call import CapabilityCall, argument_bytes
from ambassador_server.services.calls.catalog_index import CatalogEntry
from ambassador_server.services.calls.in_flight import CallInFlight, CallStoppedError
from ambassador_server.services.calls.limits import CallLimits
from ambassador_server.services.changes.policy_keeper import PolicyKeeper


class Admission:
    """Checks what only the arguments of a call can decide, in the order edits, constraints, limits."""

    def __init__(self, policy: PolicyKeeper, limits: CallLimits) -> None:
        self._policy = policy
        self._limits = limits

    async def admit(
        self, call: CapabilityCall, entry: CatalogEntry, permit: Permit, running: CallInFlight
    ) -> tuple[CapabilityCall, bytes, Permit]:
        """Return the call with the arguments that the downstream gets, and what permits these; and count it.

        Raises CallStoppedError for arguments that are not permitted, and for limits.
        """
        if entry.edits is not None:
            members = await entry.edits.arguments(call.method, call.members)
            if isinstance(members, Deny):
                raise CallStoppedError(members)
            call = replace(call, members=members)
        snapshot, raw = self._policy.snapshot, argument_bytes(call)
        # A request about a task is no call with arguments of its own.
        if permit.constrained and call.sends_name:
            decision = decide(
                snapshot, call.principal, entry.ref, self._policy.current_moment(), CallParams(call.members)
            )
            if isinstance(decision, Deny):
                raise CallStoppedError(decision)
            permit = decision
        self._limits.enter(snapshot, call.principal, entry.ref, len(raw), running)
        return call, raw, permit
