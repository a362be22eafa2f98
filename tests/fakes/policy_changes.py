"""The objects that each version of the policy changed, in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ambassador_server.domain.policy.snapshot import PolicyChanges
from ambassador_server.storage import transaction

MEMBERSHIPS = "membership"

_FIELDS = {
    "user": "users",
    "group": "groups",
    "client key": "keys",
    "MCP": "mcps",
    "approved tools": "approved",
    "grant": "grants",
    "kill switch": "switches",
    "limit": "limits",
    "issuer": "issuers",
    "subscription": "subscriptions",
    "credential": "credentials",
}

POLICY_NOUNS = {*_FIELDS, MEMBERSHIPS}


@dataclass
class TouchedByVersion:
    """The nouns and ids touched by each version that is remembered."""

    versions: dict[int, frozenset[tuple[str, str]]] = field(default_factory=dict)

    def noted(self, version: int, noun: str, item_id: str) -> "TouchedByVersion":
        """Return the memory with one more touched object."""
        touched = self.versions.get(version, frozenset()) | {(noun, item_id)}
        kept = {
            each: ids for each, ids in self.versions.items() if each > version - transaction.KEPT_VERSIONS
        }
        return TouchedByVersion({**kept, version: touched})

    def since(
        self,
        since: int,
        version: int,
        tables: Mapping[str, Mapping[str, Any]],
        memberships: Mapping[tuple[str, str], str | None],
    ) -> PolicyChanges | None:
        """Return what was touched between the two versions as it is in these tables."""
        if since > version:
            return None
        touched: set[tuple[str, str]] = set()
        notes = 0
        for each in range(since + 1, version + 1):
            ids = self.versions.get(each)
            if ids is None:
                return None
            touched |= ids
            notes += len(ids)
        if notes > transaction.MAX_CHANGES:
            return None
        found: dict[str, dict[str, Any]] = {name: {} for name in _FIELDS.values()}
        groups: dict[str, list[str]] = {}
        for noun, item_id in touched:
            if noun == MEMBERSHIPS:
                groups[item_id] = [group_id for user_id, group_id in memberships if user_id == item_id]
            else:
                found[_FIELDS[noun]][item_id] = tables.get(noun, {}).get(item_id)
        return PolicyChanges(**found, memberships=groups)
