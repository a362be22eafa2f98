"""Rules for changes to administrators: who may give which roles, and who may change whom."""

from collections.abc import Iterable
from dataclasses import replace

from ambassador_server.domain.people.administrators import (
    Administrator,
    AdminKey,
    Right,
    Role,
    missing_right,
    rights_of,
)
from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.users import AuthSource, User, UserStatus
from ambassador_server.errors import Advice, ConflictError, InvalidInputError, MissingRightError


def check_roles(roles: Iterable[Role]) -> tuple[Role, ...]:
    """Return the roles without duplicates, in the order of `Role`."""
    given = frozenset(roles)
    return tuple(role for role in Role if role in given)


def check_key_roles(by: Administrator | None, roles: Iterable[Role]) -> tuple[Role, ...]:
    """Return the roles for a new admin key.

    Raises InvalidInputError if there are none, MissingRightError if they give rights that `by` lacks. The role `scim`
    stands alone: who may manage issuers may give it, though no other role has its right.
    """
    checked = check_roles(roles)
    if not checked:
        raise InvalidInputError("An admin key needs a role.", advice=Advice.NAME_ROLE)
    if Role.SCIM in checked:
        if len(checked) > 1:
            raise InvalidInputError("The role 'scim' stands alone: such a key does nothing but SCIM")
        if by is not None and not by.may(Right.MANAGE):
            raise missing_right(Right.MANAGE)
        return checked
    _check_covers(by, checked)
    return checked


def check_user_change(by: Administrator | None, before: User | None, after: User) -> None:
    """Raise MissingRightError if `by` could gain rights with this change.

    `by` is None for the server's own command line, which may change everything.
    """
    if before is not None and replace(after, updated_at=before.updated_at) == before:
        return
    old_roles = () if before is None else before.roles
    for role in (Role.MONITOR, Role.SCIM):
        if role in after.roles:
            # A login needs the right to read for its own end.
            raise InvalidInputError(
                f"The role {role.value!r} is for admin keys, which a program uses; a user cannot have it"
            )
    if old_roles or after.roles:
        _check_manages(by, after)
    _check_covers(by, [role for role in after.roles if role not in old_roles])
    if before is not None and (before.email, before.source) != (after.email, after.source):
        # An identity provider recognises a user by these, so changing them can give the account to another person.
        _check_covers(by, old_roles)


def check_may_act_for(by: Administrator | None, user: User) -> None:
    """Raise MissingRightError if `by` may not change keys, codes, selections and groups of this user.

    Who may not change a user with roles may neither act as that user nor take away what that user may do.
    """
    if user.roles:
        _check_manages(by, user)


def check_may_lift_denials(by: Administrator | None, group_name: str) -> None:
    """Raise MissingRightError if `by` may not take a group that denies tools from its members."""
    if by is not None and not by.may(Right.MANAGE):
        raise missing_right(
            Right.MANAGE,
            f"Group {group_name!r} denies tools to its members; lifting that needs the right {Right.MANAGE.value!r}",
            reason="group_denies",
        )


def check_may_lift_switches(by: Administrator | None, group_name: str) -> None:
    """Raise MissingRightError if `by` may not take a group that a kill switch stops from its members."""
    if by is not None and not by.may(Right.OPERATE):
        raise missing_right(
            Right.OPERATE,
            f"A kill switch stops the members of group {group_name!r}; lifting that needs the right "
            f"{Right.OPERATE.value!r}",
            reason="group_is_stopped",
        )


def check_new_password(by: Administrator | None, user: User) -> None:
    """Raise ConflictError if this user can have no password, MissingRightError if `by` may not set it."""
    if user.source is not AuthSource.LOCAL:
        raise ConflictError(f"User {user.name!r} logs in elsewhere and has no password here.")
    if not user.roles:
        # A password set now would become valid when the user is given roles, and the one who set it would know it.
        raise ConflictError(
            f"User {user.name!r} has no role, and a password would open nothing.",
            advice=Advice.GIVE_ROLE,
            user=user.name,
        )
    _check_manages(by, user)
    _check_covers(by, user.roles)


def check_not_locking_out(by: Administrator | None, before: User, after: User) -> None:
    """Raise ConflictError if administrators would take away their own login or their own role `admin`."""
    if by is None or by.user_id != before.user_id:
        return
    if can_log_in(before) and not can_log_in(after):
        raise ConflictError("With this you would shut yourself out.", advice=Advice.ASK_ANOTHER_ADMINISTRATOR)
    if is_admin(before) and not is_admin(after):
        raise ConflictError(
            "You cannot take the role 'admin' from yourself.", advice=Advice.ASK_ANOTHER_ADMINISTRATOR
        )


def check_not_own_key(by: Administrator | None, key: AdminKey) -> None:
    """Raise ConflictError if the request was made with this key."""
    if by is not None and by.admin_key_id == key.admin_key_id:
        advice = Advice.LOG_OUT if key.is_login else Advice.ASK_ANOTHER_ADMINISTRATOR
        raise ConflictError("You are using this key at the moment.", advice=advice)


def can_log_in(user: User) -> bool:
    """Tell whether the user may log in with a password; an open login is refused as soon as this is false."""
    return user.status is UserStatus.ACTIVE and user.source is AuthSource.LOCAL and bool(user.roles)


def can_sign_in(user: User) -> bool:
    """Tell whether the user may log in with an issuer; an open login is refused as soon as this is false."""
    return user.status is UserStatus.ACTIVE and user.source is AuthSource.EXTERNAL and bool(user.roles)


def check_login_issuer(by: Administrator | None, issuer: Issuer, users: Iterable[User]) -> None:
    """Raise MissingRightError if `by` could gain rights by saying where these users sign in."""
    if issuer.login_client_id is not None:
        named = (user for user in users if user.source is AuthSource.EXTERNAL)
        _check_covers(
            by, {role for user in named if user.issuer in (None, issuer.url) for role in user.roles}
        )


def is_admin(user: User) -> bool:
    """Tell whether the user may log in and has the role `admin`."""
    return can_log_in(user) and Role.ADMIN in user.roles


def _check_manages(by: Administrator | None, user: User) -> None:
    if by is not None and not by.may(Right.MANAGE):
        raise missing_right(
            Right.MANAGE,
            f"User {user.name!r} has or gets a role; that needs the right {Right.MANAGE.value!r}",
            reason="user_has_roles",
        )


def _check_covers(by: Administrator | None, roles: Iterable[Role]) -> None:
    if by is None:
        return
    own_rights = rights_of(by.roles)
    for role in roles:
        lacking = rights_of([role]) - own_rights
        if lacking:
            raise MissingRightError(
                f"The role {role.value!r} gives rights that you do not have yourself: "
                f"{', '.join(sorted(lacking))}",
                reason="exceeds_own_rights",
            )
