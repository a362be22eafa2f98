"""Keeps the last checkpoint of the log in the database, and a loss that the start has found until it is accepted."""

from ambassador_server.domain.audit.anchors import Anchor, AnchorLoss
from ambassador_server.domain.audit.events import AuditAction, Outcome, Resource
from ambassador_server.errors import NotFoundError
from ambassador_server.ports.audit_log import AnchoredLog
from ambassador_server.ports.store import Store
from ambassador_server.services.audit.recorder import Recorder


class AuditAnchors:
    """The anchors of this server; `losses` are what its logs lacked at the start."""

    def __init__(
        self, *, store: Store, log: AnchoredLog, recorder: Recorder, losses: tuple[AnchorLoss, ...]
    ) -> None:
        self._store = store
        self._log = log
        self._recorder = recorder
        self._losses = losses
        self._stored: Anchor | None = None

    @property
    def losses(self) -> tuple[AnchorLoss, ...]:
        """Return the losses that no operator has accepted."""
        return self._losses

    async def report(self) -> None:
        """Record an event for each loss."""
        for loss in self._losses:
            await self._record(AuditAction.LOG_ANOMALY, Outcome.FAILED, loss)

    async def follow(self) -> None:
        """Store the last checkpoint; the anchor of a loss stays as it is until the loss is accepted.

        Raises StorageError.
        """
        if self._losses:
            await self._forget_accepted()
        if any(loss.anchor.writer == self._log.writer for loss in self._losses):
            return
        anchor = await self._log.anchor()
        if anchor is not None and anchor != self._stored:
            await self._store_anchor(anchor)
            self._stored = anchor

    async def accept(self, writer: str) -> AnchorLoss:
        """Record that an operator accepts the loss of a writer, and remove its anchor; the next checkpoint is stored.

        Raises NotFoundError if there is no such loss.
        """
        loss = next((each for each in self._losses if each.anchor.writer == writer), None)
        if loss is None:
            raise NotFoundError(f"No loss of the audit writer {writer!r} is known on this machine.")
        await self._record(AuditAction.LOSS_ACCEPT, Outcome.SUCCEEDED, loss)
        async with self._store.write() as work:
            await work.anchors.remove(writer)
        self._losses = tuple(each for each in self._losses if each is not loss)
        return loss

    async def _forget_accepted(self) -> None:
        async with self._store.read() as work:
            known = {anchor.writer: anchor for anchor in await work.anchors.all()}
        self._losses = tuple(loss for loss in self._losses if known.get(loss.anchor.writer) == loss.anchor)

    async def _store_anchor(self, anchor: Anchor) -> None:
        async with self._store.write(durable=False) as work:
            await work.anchors.put(anchor)

    async def _record(self, action: AuditAction, outcome: Outcome, loss: AnchorLoss) -> None:
        anchor = loss.anchor
        await self._recorder.event(
            action,
            outcome,
            resource=Resource(kind="server", id=None, name=anchor.writer),
            details={"loss": loss.kind, "seq": anchor.seq, "digest": anchor.digest},
        )
