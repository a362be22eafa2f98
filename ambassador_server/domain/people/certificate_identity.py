"""Reads the names of a verified certificate by the rules of its authority: whom does it name."""

from datetime import datetime

from ambassador_server.domain.people.certificates import NameKind, PeerCertificate
from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.name_rules import read_rule
from ambassador_server.domain.people.token_claims import MOST_GROUPS, SKEW, TokenFault, TokenIdentity
from ambassador_server.domain.shared.names import check_address, check_name
from ambassador_server.errors import InvalidInputError


def read_names(peer: PeerCertificate, authority: Issuer, now: datetime) -> TokenIdentity | TokenFault:
    """Return whom a verified certificate names, or why it is refused.

    All rules are tried with all names: a certificate that could be of two users is of neither.
    """
    if peer.serial in authority.revoked:
        return TokenFault.REVOKED
    if peer.expires_at <= now:
        return TokenFault.EXPIRED
    found = {
        match[1]: (rule, value)
        for rule in authority.user_claims
        for kind, value in peer.names
        if kind is read_rule(rule)[0] and (match := read_rule(rule)[1].fullmatch(value)) is not None
    }
    if len(found) > 1:
        return TokenFault.AMBIGUOUS_USER
    names = [(name, *how) for name, how in found.items() if _is_name(name)]
    if not names:
        return TokenFault.NO_USER_NAME
    ((name, rule, value),) = names
    units = peer.units if authority.group_claims else ()
    return TokenIdentity(
        issuer_id=authority.issuer_id,
        subject=value[:255],
        user_name=name,
        user_claim=rule,
        email=_email(peer),
        client="",
        groups=units if len(units) <= MOST_GROUPS else (),
        groups_unknown=len(units) > MOST_GROUPS,
        # Its time is looked at without the tolerance that tokens have.
        expires_at=peer.expires_at - SKEW,
    )


def _is_name(name: str) -> bool:
    try:
        return check_name("user", name) == name
    except InvalidInputError:
        return False


def _email(peer: PeerCertificate) -> str | None:
    for kind, value in peer.names:
        if kind is NameKind.EMAIL:
            try:
                return check_address(value)
            except InvalidInputError:
                return None
    return None
