"""The end of a dry run: what a request would have changed."""

from collections.abc import Iterable

from ambassador_server.domain.audit.events import AuditAction, Resource


class DryRunDone(Exception):  # this is no error: it ends a change that must not be made
    """A dry run has checked all that the request would change; nothing of it stays.

    `changes` are the actions that the audit would have recorded, with their objects; `warnings` are for the author.
    """

    def __init__(self, changes: Iterable[tuple[AuditAction, Resource]], warnings: Iterable[str]) -> None:
        super().__init__()
        self.changes = tuple(changes)
        self.warnings = tuple(warnings)
