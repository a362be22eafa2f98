"""The use cases of administrators for the catalog of MCPs."""

from dataclasses import dataclass

from ambassador_server.services.registry.approvals import Approvals
from ambassador_server.services.registry.mcp_reports import McpReports
from ambassador_server.services.registry.mcps import Mcps


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryUseCases:
    """`mcps` changes entries, `approvals` approves their tools, `reports` reads entries and their downstreams."""

    mcps: Mcps
    approvals: Approvals
    reports: McpReports
