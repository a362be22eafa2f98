"""The use cases of auditors."""

from dataclasses import dataclass

from ambassador_server.services.audit.feed import AuditFeed
from ambassador_server.services.audit.file_copies import AuditFileCopies
from ambassador_server.services.audit.index import AuditSearch
from ambassador_server.services.audit.proof import AuditProof
from ambassador_server.services.audit.retention import AuditRetention


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditUseCases:
    """Events are searched and followed; the log is verified, copied and pruned."""

    search: AuditSearch
    feed: AuditFeed
    proof: AuditProof
    copies: AuditFileCopies
    retention: AuditRetention
