"""Verifies what a client has signed with a key whose public part is kept here (RFC 7523)."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt import PyJWS, PyJWTError

from ambassador_server.domain.secrets.shared_secrets import without_mark
from ambassador_server.identity.key_set import algorithms_of
from ambassador_server.identity.token_form import LONGEST_TOKEN

_SIGNATURES: Final = PyJWS()


def verify_with_key(token: str, key: str) -> Mapping[str, Any] | None:
    """Return the claims of a token that the private part of a PEM key has signed; None for anything else."""
    try:
        public: Any = load_pem_public_key(without_mark(key).encode())
        algorithms = sorted(algorithms_of(public))
        if not algorithms or len(token) > LONGEST_TOKEN:
            return None
        found = msgspec.json.decode(_SIGNATURES.decode(token, public, algorithms=algorithms))
    except (PyJWTError, UnsupportedAlgorithm, msgspec.DecodeError, ValueError, TypeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
