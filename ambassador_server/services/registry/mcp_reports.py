"""Reports about catalog entries: their configuration and the state of their downstreams."""

from dataclasses import dataclass
from itertools import groupby

from ambassador_server.domain.catalog.mcps import DownstreamActivity, DownstreamState, Mcp, OutputLine
from ambassador_server.domain.shared.listing import Listing, Slice
from ambassador_server.ports.downstream import Downstreams
from ambassador_server.ports.store import Store
from ambassador_server.services.calls.catalog import Catalog, CatalogEntry
from ambassador_server.services.changes.lookups import find_mcp


@dataclass(frozen=True, slots=True, kw_only=True)
class McpReport:
    """An entry, the state of its downstream, the activity of its connections, and the sandbox of its program."""

    mcp: Mcp
    state: DownstreamState
    activity: DownstreamActivity
    sandbox: str | None


class McpReports:
    """Reads entries and changes nothing."""

    def __init__(self, *, store: Store, downstreams: Downstreams, catalog: Catalog) -> None:
        self._store = store
        self._downstreams = downstreams
        self._catalog = catalog

    def of(self, mcp: Mcp) -> McpReport:
        """Return the report about an entry."""
        return McpReport(
            mcp=mcp,
            state=self._downstreams.state(mcp.mcp_id),
            activity=self._downstreams.activity(mcp.mcp_id),
            sandbox=self._downstreams.sandbox(mcp),
        )

    async def get(self, name: str) -> McpReport:
        """Return the report about the entry of this name, or raise NotFoundError."""
        return self.of(await self._entry(name))

    async def page(self, listing: Listing) -> Slice[McpReport]:
        """Return reports about one page of the entries."""
        async with self._store.read() as work:
            found = await work.mcps.page(listing)
        return Slice(items=tuple(map(self.of, found.items)), following=found.following, total=found.total)

    async def tools(self, name: str, listing: Listing) -> Slice[CatalogEntry]:
        """Return one page of the published tools of an entry."""
        mcp = await self._entry(name)
        return self._catalog.page_of(mcp.mcp_id, listing)

    async def output(self, name: str, lines: int) -> list[OutputLine]:
        """Return the last lines, apart from MCP, that each connection of an entry wrote, oldest first and masked."""
        mcp = await self._entry(name)
        written = groupby(self._downstreams.recent_output(mcp.mcp_id), key=lambda line: line.user_id)
        return [line for _, connection in written for line in list(connection)[-lines:]]

    async def _entry(self, name: str) -> Mcp:
        async with self._store.read() as work:
            return await find_mcp(work, name)
