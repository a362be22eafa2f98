"""The use cases for entries over fakes, and what tests look up of them."""

from typing import Any

from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.catalog.mcps import (
    Mcp,
)
from ambassador_server.downstream.options import resolve_reference
from ambassador_server.ports.credentials import Missing, MissingBecause
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.registry.connection_tests import ConnectionTests
from ambassador_server.services.registry.execution import Execution
from ambassador_server.services.registry.mcps import Mcps
from ambassador_server.services.registry.transform_rules import TransformRules
from tests.server.services.world import World


class NoAccounts:
    """A lender that has no token for any service account."""

    async def for_listing(self, mcp: Mcp) -> Missing:
        assert mcp.credentials.fields == ()
        return Missing(because=MissingBecause.NOT_GIVEN)


async def build(*, administrators_execute: bool = True) -> tuple[World, Mcps]:
    world = await World.build()
    execution = Execution(downstreams=world.downstreams, administrators_execute=administrators_execute)
    tests = ConnectionTests(
        downstreams=world.downstreams,
        recorder=Recorder(log=world.log, clock=world.clock),
        changes=world.changes,
        execution=execution,
        lender=NoAccounts(),
        resolve=resolve_reference,
    )
    mcps = Mcps(
        store=world.store,
        changes=world.changes,
        downstreams=world.downstreams,
        tests=tests,
        execution=execution,
        transforms=TransformRules(downstreams=world.downstreams, separator="__", clock=world.clock),
        clock=world.clock,
    )
    return world, mcps


async def stored(world: World, name: str) -> Mcp:
    async with world.store.read() as work:
        found = await work.mcps.by_name(name)
    assert found is not None
    return found


def last_event(world: World) -> tuple[AuditAction, dict[str, Any]]:
    event = world.log.events[-1]
    return event.action, dict(event.details)
