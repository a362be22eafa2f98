"""What is offered to a principal: the MCPs of which something is granted, and what the principal may know of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.policy.decide import PrincipalPolicy
from ambassador_server.domain.policy.decision import Deny
from ambassador_server.domain.policy.grants import Delivery, Subscription
from ambassador_server.services.administration.pattern_checks import KnownNames
from ambassador_server.services.calls.catalog_index import CatalogEntry, CatalogIndex, ToolEntry

_E = TypeVar("_E", bound=CatalogEntry)


@dataclass(frozen=True, slots=True)
class Known(Generic[_E]):
    """Something that the principal may know of; `denial` is None if the principal may use it.

    `is_shown` is false while its definition waits for an approval.
    """

    entry: _E
    denial: Deny | None
    is_shown: bool = True


@dataclass(frozen=True, slots=True)
class OfferedMcp:
    """An MCP of which something is granted to the principal, and the subscription of the principal's key.

    Templates of resources are among the resources.
    """

    mcp: Mcp
    delivery: Delivery
    subscription: Subscription | None
    tools: tuple[Known[ToolEntry], ...]
    resources: tuple[Known[CatalogEntry], ...] = ()
    prompts: tuple[Known[CatalogEntry], ...] = ()

    @property
    def names(self) -> KnownNames:
        """Return the names of what the principal may know of."""
        return KnownNames(
            tools=[known.entry.name for known in self.tools],
            prompts=[known.entry.name for known in self.prompts],
            resources=[known.entry.name for known in self.resources],
            # A template matches no URI unless it has an expression, so listed resources may be among them.
            templates=[known.entry.name for known in self.resources],
        )


def offer_of(
    mcp: Mcp, policy: PrincipalPolicy, index: CatalogIndex, subscription: Subscription | None
) -> OfferedMcp | None:
    """Return what is offered of an MCP; None if nothing is granted of it, or nothing of what it has."""
    delivery = policy.delivery_of(mcp.mcp_id)
    if delivery is None:
        return None
    tools = [entry for entry in index.tools if entry.ref.mcp_id == mcp.mcp_id]
    others = {
        kind: [entry for entry in index.of(kind) if entry.ref.mcp_id == mcp.mcp_id]
        for kind in (CapabilityKind.RESOURCE, CapabilityKind.PROMPT)
    }
    offer = OfferedMcp(
        mcp,
        delivery,
        subscription,
        _known(policy, tools),
        _known(policy, others[CapabilityKind.RESOURCE]),
        _known(policy, others[CapabilityKind.PROMPT]),
    )
    has_something = bool(tools) or any(others.values())
    return None if has_something and not (offer.tools or offer.resources or offer.prompts) else offer


def _known(policy: PrincipalPolicy, entries: Iterable[_E]) -> tuple[Known[_E], ...]:
    return tuple(known for entry in entries if (known := _known_entry(policy, entry)) is not None)


def _known_entry(policy: PrincipalPolicy, entry: _E) -> Known[_E] | None:
    decision = policy.decide(entry.ref)
    if not isinstance(decision, Deny):
        return Known(entry, None)
    if not decision.disclosed:
        return None
    return Known(entry, decision, is_shown=not policy.waits_for_approval(entry.ref))
