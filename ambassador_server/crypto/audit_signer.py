"""Signs the checkpoints of the audit log with Ed25519, so that `openssl` can verify them."""

import base64
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ambassador_protocol.audit.public_keys import PublicKey
from ambassador_server.errors import ConfigurationError

_SEED_BYTES = 32


class AuditSigner:
    """Implements `ports.audit_log.CheckpointSigner`; `seeds` are 32 bytes each, by number, and the highest signs."""

    def __init__(self, seeds: Mapping[int, bytes]) -> None:
        private = [_private(number, seeds[number]) for number in sorted(seeds)]
        self._keys = {_public(key).key_id: key for key in private}
        self.key_id = _public(private[-1]).key_id

    @property
    def public_keys(self) -> dict[str, str]:
        """Return every public key, SubjectPublicKeyInfo in base64, by its id."""
        return {key_id: _public(key).base64() for key_id, key in self._keys.items()}

    def sign(self, text: bytes, key_id: str) -> str:
        """Return the signature in base64; raises KeyError for an unknown key id."""
        return base64.b64encode(self._keys[key_id].sign(text)).decode()


def _private(number: int, seed: bytes) -> Ed25519PrivateKey:
    if len(seed) != _SEED_BYTES:
        raise ConfigurationError(
            f"Audit key {number} is not {_SEED_BYTES} bytes.", hint="Make one with: openssl rand -base64 32"
        )
    return Ed25519PrivateKey.from_private_bytes(seed)


def _public(key: Ed25519PrivateKey) -> PublicKey:
    return PublicKey.from_raw(key.public_key().public_bytes_raw())
