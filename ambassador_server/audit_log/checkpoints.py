"""Makes checkpoint lines: signed statements about all lines before them."""

from dataclasses import replace

from ambassador_protocol.audit.chain import ADOPTED, QUARANTINE
from ambassador_protocol.audit.lines import (
    Checkpoint,
    Pruned,
    Quarantined,
    Tip,
    checkpoint_line,
    digest_of,
    time_text,
)
from ambassador_server.ports.audit_log import CheckpointSigner
from ambassador_server.ports.clock import Clock


class CheckpointMaker:
    """Makes the checkpoints of one writer; a signature takes a tenth of a millisecond, so no thread is needed."""

    def __init__(self, writer: str, signer: CheckpointSigner, clock: Clock) -> None:
        self._writer = writer
        self._signer = signer
        self._clock = clock

    @property
    def key_id(self) -> str:
        """Return the id of the key that signs."""
        return self._signer.key_id

    def checkpoint(
        self,
        tip: Tip,
        reason: str,
        *,
        pruned: Pruned | None = None,
        quarantined: Quarantined | None = None,
    ) -> tuple[bytes, Tip]:
        """Return the line that follows `tip`, and the new tip."""
        return self._line(tip, reason, self._signer.key_id, pruned=pruned, quarantined=quarantined)

    def adoption(self, tip: Tip, expected_key: str | None) -> tuple[bytes, Tip]:
        """Return the line that signs what another process has left unsigned, with the key that the log expects."""
        return self._line(tip, ADOPTED, self.known_key(expected_key))

    def quarantine(self, tip: Tip, key_id: str, quarantined: Quarantined) -> tuple[bytes, Tip]:
        """Return the line in which `key_id` signs which segment was quarantined."""
        return self._line(tip, QUARANTINE, key_id, quarantined=quarantined)

    def known_key(self, expected_key: str | None) -> str:
        """Return the key that the log expects to sign next if this server has it, else the key that signs."""
        known = expected_key if expected_key in self._signer.public_keys else None
        return known or self._signer.key_id

    def succession(self, tip: Tip, key_id: str) -> tuple[bytes, Tip] | None:
        """Return the line in which the older key `key_id` names its successor; None when the older key is missing."""
        if key_id not in self._signer.public_keys:
            return None
        return self._line(tip, "key", key_id, next_key=self._signer.public_keys[self._signer.key_id])

    def _line(
        self,
        tip: Tip,
        reason: str,
        key_id: str,
        *,
        next_key: str | None = None,
        pruned: Pruned | None = None,
        quarantined: Quarantined | None = None,
    ) -> tuple[bytes, Tip]:
        unsigned = Checkpoint(
            at=time_text(self._clock.now()),
            head=tip.digest,
            key=key_id,
            reason=reason,
            seq=tip.seq,
            signature="",
            writer=self._writer,
            next_key=next_key,
            pruned=pruned,
            quarantined=quarantined,
        )
        signed = replace(unsigned, signature=self._signer.sign(unsigned.signed_text(), key_id))
        line = checkpoint_line(signed, tip)
        return line, Tip(tip.seq + 1, digest_of(line))
