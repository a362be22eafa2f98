"""Session tokens that are valid if this object minted them."""

from datetime import datetime

from ambassador_server.ports.session_tokens import SessionClaims


class RememberedTokens:
    """Implements `ports.session_tokens.SessionTokens`; ids may be any text."""

    def __init__(self) -> None:
        self._minted: dict[str, SessionClaims] = {}

    def mint(self, session_id: str, key_id: str, expires_at: datetime) -> str:
        token = f"amb_st_{len(self._minted)}-{session_id}"
        self._minted[token] = SessionClaims(session_id, key_id, expires_at)
        return token

    def verify(self, token: str) -> SessionClaims | None:
        return self._minted.get(token)
