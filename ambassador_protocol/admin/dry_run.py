"""The answer to a change that is made with `dry_run=true`."""

from dataclasses import dataclass

from ambassador_protocol.admin.enumerations import AuditAction


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """One change that the request would make: the action that the audit would record, and the object that changes."""

    action: AuditAction
    kind: str
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """All changes that the request would make, none if it would change nothing; nothing was changed."""

    changes: list[PlannedChange]
    warnings: list[str]
