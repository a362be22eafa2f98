"""A follower of the policy does work for the changed part only, and misses no change."""

from collections.abc import Iterable
from dataclasses import replace

from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.catalog.mcps import Mcp, McpStatus, Tool
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.registry.downstream_watch import DownstreamWatch
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.clock import ManualClock
from tests.fakes.downstream import FakeDownstreams, make_tool
from tests.fakes.store import InMemoryStore
from tests.server.services.world import World
from tests.server.worlds import MCP, USER

OTHER = replace(MCP, mcp_id="m2", name="time")


class CountingDownstreams(FakeDownstreams):
    """Downstreams that record their calls."""

    def __init__(self) -> None:
        super().__init__()
        self.applied: list[set[str]] = []
        self.retained: list[bool] = []

    def apply(self, mcps: Iterable[Mcp], last_known: dict[str, tuple[Tool, ...]] | None = None) -> None:
        """Record the names, then apply the entries."""
        mcps = list(mcps)
        self.applied.append({mcp.name for mcp in mcps})
        super().apply(mcps, last_known)

    def retain_users(self, wanted) -> None:
        """Record whether each user is kept, then apply it."""
        self.retained.append(wanted(USER.user_id))
        super().retain_users(wanted)


async def test_catalog_is_rebuilt_only_when_an_mcp_changes() -> None:
    world = await World.build()
    world.downstreams.script("time", make_tool("now"))
    first = world.catalog.index()
    async with world.store.write() as work:
        await work.users.replace(replace(USER, status=UserStatus.SUSPENDED))
    await world.policy.refresh()
    assert world.catalog.index() is first
    async with world.store.write() as work:
        await work.mcps.add(OTHER)
    await world.policy.refresh()
    world.downstreams.apply(world.policy.snapshot.mcps.values())
    assert world.catalog.resolve(CapabilityKind.TOOL, "time.now") is not None
    async with world.store.write() as work:
        await work.mcps.replace(replace(OTHER, status=McpStatus.ARCHIVED))
    await world.policy.refresh()
    assert world.catalog.resolve(CapabilityKind.TOOL, "time.now") is None
    assert world.catalog.resolve(CapabilityKind.TOOL, "git.log") is not None


async def test_downstreams_are_told_of_each_changed_mcp_and_removed_user() -> None:
    store, clock, downstreams = InMemoryStore(), ManualClock(), CountingDownstreams()
    for name in ("git", "time"):
        downstreams.script(name)
    async with store.write() as work:
        await work.users.add(USER)
        await work.mcps.add(MCP)
    policy = PolicyKeeper(store=store, clock=clock)
    await policy.refresh()
    recorder = Recorder(log=FakeAuditLog(), clock=clock)
    watch = DownstreamWatch(
        store=store, policy=policy, recorder=recorder, downstreams=downstreams, clock=clock
    )
    await watch.start()
    async with store.write() as work:
        await work.users.replace(replace(USER, status=UserStatus.SUSPENDED))
    await policy.refresh()
    assert downstreams.applied == [{"git"}]
    async with store.write() as work:
        await work.mcps.add(OTHER)
    await policy.refresh()
    async with store.write() as work:
        await work.mcps.remove(MCP.mcp_id)
    await policy.refresh()
    assert downstreams.applied == [{"git"}, {"git", "time"}, {"time"}]
    assert downstreams.retained == [False, False, False]
