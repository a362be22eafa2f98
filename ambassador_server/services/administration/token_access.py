"""Asks the policy about principals with access tokens: of which issuer a token is, and which groups it names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, NamedTuple

from ambassador_server.domain.catalog.capabilities import CapabilityRef
from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.people.token_claims import TokenFault
from ambassador_server.domain.people.token_principals import naming_fault, token_principal
from ambassador_server.domain.people.users import AuthSource, User, UserStatus
from ambassador_server.domain.policy.decide import PrincipalPolicy
from ambassador_server.domain.policy.decision import Permit
from ambassador_server.domain.policy.snapshot import Moment, Snapshot
from ambassador_server.domain.shared.listing import Field, InMemoryList
from ambassador_server.domain.shared.names import near
from ambassador_server.errors import InvalidInputError, NotFoundError

_VALID_FOR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedToken:
    """A token that a question is about: the name of its issuer, and the groups that it names."""

    issuer: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachingClaim:
    """A claimed group whose tokens may use something, and the group of this server that it means.

    `constrained` tells that certain arguments are demanded.
    """

    issuer: str
    claimed: str
    group: str
    constrained: bool


class PermittedByToken(NamedTuple):
    """With tokens of which issuers a user may use something, and whether certain arguments are demanded."""

    issuers: tuple[str, ...]
    constrained: bool


def asked_principal(snapshot: Snapshot, user: User, asked: AskedToken, moment: Moment) -> Principal:
    """Return the principal of a user with such a token.

    Raises NotFoundError for an unknown issuer, and InvalidInputError for a user whom the issuer cannot name.
    """
    issuer = find_trusted(snapshot, asked.issuer)
    fault = naming_fault(issuer, user)
    if fault is TokenFault.USER_IS_LOCAL:
        raise InvalidInputError(f"User {user.name!r} is local, and a token never names a local user")
    if fault is not None:
        raise InvalidInputError(f"User {user.name!r} belongs to another issuer, {user.issuer}")
    return token_principal(issuer, user, groups=asked.groups, expires_at=moment.now + _VALID_FOR)


def find_trusted(snapshot: Snapshot, name: str) -> Issuer:
    """Return the issuer of this name that the policy trusts. Raises NotFoundError."""
    issuers = () if snapshot.issuers is None else snapshot.issuers.by_id.values()
    found = next((issuer for issuer in issuers if issuer.name == name), None)
    if found is None:
        raise NotFoundError(f"No issuer {name!r}{near(name, [issuer.name for issuer in issuers])}")
    return found


def meant_groups(snapshot: Snapshot, asked: AskedToken) -> dict[str, str | None]:
    """Return the name of the group that each claimed group means, None if it means none."""
    issuer = find_trusted(snapshot, asked.issuer)
    known = {group.name for group in snapshot.groups.values()}
    meant = {claimed: issuer.group_name(claimed) for claimed in asked.groups}
    return {claimed: name if name in known else None for claimed, name in meant.items()}


def permitted_by_token(
    snapshot: Snapshot, wanted: Sequence[CapabilityRef], moment: Moment
) -> dict[str, PermittedByToken]:
    """Return, by user, who may use one of these with a token that names no group."""
    issuers = () if snapshot.issuers is None else tuple(snapshot.issuers.by_id.values())
    found: dict[str, PermittedByToken] = {}
    for user in snapshot.users.values() if issuers else ():
        naming = [issuer for issuer in issuers if naming_fault(issuer, user) is None]
        if naming:
            # Tokens that name no group differ in their issuer only, which decides nothing once it is trusted.
            principal = token_principal(naming[0], user, expires_at=moment.now + _VALID_FOR)
            constrained = constrained_in(PrincipalPolicy(snapshot, principal, moment), wanted)
            if constrained is not None:
                names = tuple(sorted(issuer.name for issuer in naming))
                found[user.user_id] = PermittedByToken(names, constrained)
    return found


def reaching_claims(
    snapshot: Snapshot, wanted: Sequence[CapabilityRef], moment: Moment
) -> Iterator[ReachingClaim]:
    """Yield the claimed groups with which a token may use one of these.

    Asks about a user who has nothing but the claimed group, because the users of tokens may not exist yet.
    """
    if snapshot.issuers is None:
        return
    user = _user_without_groups(moment)
    with_user = replace(snapshot, users={**snapshot.users, user.user_id: user})
    for issuer, claimed, group_id in snapshot.issuers.claimable():
        principal = token_principal(issuer, user, groups=(claimed,), expires_at=moment.now + _VALID_FOR)
        constrained = constrained_in(PrincipalPolicy(with_user, principal, moment), wanted)
        if constrained is not None:
            yield ReachingClaim(
                issuer=issuer.name,
                claimed=claimed,
                group=snapshot.groups[group_id].name,
                constrained=constrained,
            )


def constrained_in(policy: PrincipalPolicy, wanted: Sequence[CapabilityRef]) -> bool | None:
    """Tell whether all that is permitted is so with certain arguments only; None if nothing is permitted."""
    permits = [each.constrained for each in map(policy.decide, wanted) if isinstance(each, Permit)]
    return all(permits) if permits else None


def _user_without_groups(moment: Moment) -> User:
    return User(
        user_id="",
        name="",
        display_name="",
        email=None,
        status=UserStatus.ACTIVE,
        source=AuthSource.EXTERNAL,
        created_at=moment.now,
        updated_at=moment.now,
    )


_ISSUER: Final[Field[ReachingClaim]] = Field(lambda found: found.issuer)
CLAIMS: Final[InMemoryList[ReachingClaim]] = InMemoryList(
    noun="claim",
    fields={
        "issuer": _ISSUER,
        "claimed": Field(lambda found: found.claimed),
        "group": Field(lambda found: found.group),
    },
    order=_ISSUER,
    item_id=lambda found: f"{found.issuer}\0{found.claimed}",
)
