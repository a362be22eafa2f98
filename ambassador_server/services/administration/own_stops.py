"""Finds the kill switches that stop what a principal is granted."""

from collections.abc import Iterable

from ambassador_server.domain.policy.decide import PrincipalPolicy
from ambassador_server.domain.policy.decision import Deny
from ambassador_server.domain.policy.switches import KillSwitch
from ambassador_server.services.calls.catalog_index import CatalogEntry


def stops_on(policy: PrincipalPolicy, entries: Iterable[CatalogEntry]) -> tuple[KillSwitch, ...]:
    """Return the switch that stops the principal, else those that stop something of which the principal may know."""
    if policy.stopped_by is not None:
        return (policy.stopped_by,)
    denials = [decision for entry in entries if isinstance(decision := policy.decide(entry.ref), Deny)]
    switches = [deny.switch for deny in denials if deny.disclosed and deny.switch is not None]
    return tuple({switch.switch_id: switch for switch in switches}.values())
