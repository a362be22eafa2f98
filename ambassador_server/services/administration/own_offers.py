"""What is offered to a principal: the MCPs of which something is granted, and what the principal may know of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.policy.decide import PrincipalPolicy
from ambassador_server.domain.policy.decision import Deny
from ambassador_server.domain.policy.grants import Delivery, Subscription
from ambassador_server.services.administration.pattern_checks import KnownNames
from ambassador_server.services.calls.catalog_index import CatalogEntry, ToolEntry

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
            tools=[known.entry.tool.name for known in self.tools],
            prompts=[known.entry.name for known in self.prompts],
            resources=[known.entry.name for known in self.resources],
            # A template matches no URI unless it has an expression, so listed resources may be among them.
            templates=[known.entry.name for known in self.resources],
        )


def offer_of(
    mcp: Mcp,
    entries: Sequence[CatalogEntry],
    policy: PrincipalPolicy,
    subscription: Subscription | None,
    lack: Deny | None,
) -> OfferedMcp | None:
    """Return what is offered of an MCP, given its entries; None if nothing is granted of it, or of what it has.

    `lack` is the denial of what is permitted, for lack of a credential.
    """
    delivery = policy.delivery_of(mcp.mcp_id)
    if delivery is None:
        return None
    offer = OfferedMcp(
        mcp,
        delivery,
        subscription,
        tools=_known(policy, lack, (entry for entry in entries if isinstance(entry, ToolEntry))),
        resources=_known(policy, lack, _of(CapabilityKind.RESOURCE, entries)),
        prompts=_known(policy, lack, _of(CapabilityKind.PROMPT, entries)),
    )
    return None if entries and not (offer.tools or offer.resources or offer.prompts) else offer


def _of(kind: CapabilityKind, entries: Iterable[CatalogEntry]) -> Iterable[CatalogEntry]:
    return (entry for entry in entries if entry.ref.kind is kind)


def _known(policy: PrincipalPolicy, lack: Deny | None, entries: Iterable[_E]) -> tuple[Known[_E], ...]:
    return tuple(known for entry in entries if (known := _known_entry(policy, lack, entry)) is not None)


def _known_entry(policy: PrincipalPolicy, lack: Deny | None, entry: _E) -> Known[_E] | None:
    decision = policy.decide(entry.ref)
    if not isinstance(decision, Deny):
        return Known(entry, lack)
    if not decision.disclosed:
        return None
    return Known(entry, decision, is_shown=not policy.waits_for_approval(entry.ref))
