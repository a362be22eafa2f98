"""Principals with access tokens: which user an issuer may name, and who a request with its token acts for."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.principals import PresentedToken, Principal, TokenLease
from ambassador_server.domain.people.token_claims import TokenFault
from ambassador_server.domain.people.users import AuthSource, User


def naming_fault(issuer: Issuer, user: User) -> TokenFault | None:
    """Return why tokens of an issuer cannot be of a user; None if they can."""
    if user.issuer is not None and user.issuer != issuer.url:
        return TokenFault.USER_OF_ANOTHER
    return None if user.source is AuthSource.EXTERNAL else TokenFault.USER_IS_LOCAL


def token_principal(
    issuer: Issuer,
    user: User,
    *,
    expires_at: datetime,
    groups: Sequence[str] = (),
    client: str = "",
    lease: TokenLease | None = None,
    serial: str | None = None,
    by_assertion: bool = False,
) -> Principal:
    """Return who a request acts for with a token, or the certificate of a serial number, that names these groups."""
    # What belongs to a client, such as its conversations, goes on when the client gets a new token.
    client_of_user = uuid.uuid5(uuid.UUID(issuer.issuer_id), f"{user.user_id}\0{client}")
    return Principal(
        user_id=user.user_id,
        user_name=user.name,
        key_id=str(client_of_user),
        key_name=issuer.name,
        session_id=None,
        token=PresentedToken(
            issuer_id=issuer.issuer_id,
            expires_at=expires_at.replace(microsecond=0),
            groups=tuple(groups),
            lease=lease,
            serial=serial,
            assertion_client=client if by_assertion else None,
        ),
    )
