"""The metrics over the services and fakes of `World`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from ambassador_server.services.audit.delivery import SinkStatus
from ambassador_server.services.audit.log_indexing import IndexState
from ambassador_server.services.monitoring.families import Family, Value
from ambassador_server.services.monitoring.metrics import AuditState, CallState, Metrics
from tests.server.services.world import World


@dataclass(kw_only=True)
class Measured:
    """A world and its metrics; what the world has no service for is set by the test."""

    world: World
    metrics: Metrics = field(init=False)
    sinks: Sequence[SinkStatus] = ()
    refusals: Mapping[str, int] = field(default_factory=dict)
    index_failure: Exception | None = None

    @classmethod
    async def build(cls) -> Self:
        return cls(world=await World.build())

    def __post_init__(self) -> None:
        world = self.world
        self.metrics = Metrics(
            calls=CallState(
                counts=world.recorder.counts,
                catalog=world.catalog,
                in_flight=world.in_flight,
                refusals=lambda: self.refusals,
            ),
            audit=AuditState(
                log=world.log,
                index=self._index,
                sinks=lambda: self.sinks,
                contradictions=lambda: 2,
            ),
            policy=world.policy,
            downstreams=world.downstreams,
            open_sessions=lambda: 3,
        )

    async def families(self) -> dict[str, Family]:
        """Return the families by name."""
        return {family.name: family for family in await self.metrics.families()}

    async def values(self, name: str) -> dict[tuple[str, ...], Value]:
        """Return the values of one family by their labels."""
        samples = [(tuple(labels), value) for labels, value in (await self.families())[name].samples]
        assert len(dict(samples)) == len(samples), f"{name} has a value twice"
        return dict(samples)

    async def _index(self) -> IndexState:
        if self.index_failure is not None:
            raise self.index_failure
        return IndexState(behind_records=0, behind_seconds=0.0, indexed_until=None)
