"""Names what this server has found to be lost or contradictory, each of which makes it unready."""

from ambassador_server.services.audit.anchors import AuditAnchors
from ambassador_server.services.audit.anomalies import AuditAnomalies
from ambassador_server.services.credentials.vault_state import VaultState


class FoundFaults:
    """The faults of the audit log and of the vault that stay until an administrator acts."""

    def __init__(self, *, anchors: AuditAnchors, anomalies: AuditAnomalies, vault: VaultState) -> None:
        self._anchors = anchors
        self._anomalies = anomalies
        self._vault = vault

    def names(self) -> list[str]:
        """Return the names of the faults, as `/ready` shows them."""
        return [
            *(f"audit_anchor_{loss.kind}" for loss in self._anchors.losses),
            *(f"audit_{anomaly.kind}" for anomaly in self._anomalies.found),
            *(["vault_keys"] if self._vault.problems else []),
        ]
