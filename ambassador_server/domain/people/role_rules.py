"""Who may make whom an administrator, change one, or take one away."""

from collections.abc import Iterable
from dataclasses import replace

from ambassador_server.domain.people.administrators import Administrator, AdminKey, Right, Role, rights_of
from ambassador_server.domain.people.users import AuthSource, User, UserStatus
from ambassador_server.errors import ConflictError, InvalidInputError, MissingRightError

_ANOTHER = "Let another administrator do it."


def check_roles(roles: Iterable[Role]) -> tuple[Role, ...]:
    """Return the roles once each, in their usual order."""
    given = frozenset(roles)
    return tuple(role for role in Role if role in given)


def check_key_roles(by: Administrator | None, roles: Iterable[Role]) -> tuple[Role, ...]:
    """Return the roles for a new admin key, or raise InvalidInputError or MissingRightError."""
    wanted = check_roles(roles)
    if not wanted:
        raise InvalidInputError("An admin key needs a role.", hint=f"One or more of {', '.join(Role)}.")
    _check_covers(by, wanted)
    return wanted


def check_user_change(by: Administrator | None, before: User | None, after: User) -> None:
    """Raise MissingRightError for a change by which somebody could become more than he is.

    Without an administrator it is the server's own command line, which may do everything.
    """
    if before is not None and replace(after, updated_at=before.updated_at) == before:
        return
    had = () if before is None else before.roles
    if had or after.roles:
        _check_manages(by, after)
    _check_covers(by, [role for role in after.roles if role not in had])
    if before is not None and (before.email, before.source) != (after.email, after.source):
        # By these a person is recognised elsewhere, and can have a login restored.
        _check_covers(by, had)


def check_new_password(by: Administrator | None, user: User) -> None:
    """Raise MissingRightError or ConflictError unless this user can have a password, and `by` may say which."""
    if user.source is not AuthSource.LOCAL:
        raise ConflictError(f"User {user.name!r} logs in elsewhere and has no password here.")
    if not user.roles:
        # Otherwise it would be there already, known to whoever set it, when the user is given roles.
        raise ConflictError(
            f"User {user.name!r} has no role, and a password would open nothing.",
            hint=f"ambassador-admin user update {user.name} --role ROLE",
        )
    _check_manages(by, user)
    _check_covers(by, user.roles)


def check_not_locking_out(by: Administrator | None, before: User, after: User) -> None:
    """Raise ConflictError for a change by which administrators shut themselves out."""
    if by is None or by.user_id != before.user_id:
        return
    if can_log_in(before) and not can_log_in(after):
        raise ConflictError("With this you would shut yourself out.", hint=_ANOTHER)
    if is_admin(before) and not is_admin(after):
        raise ConflictError("You cannot take the role 'admin' from yourself.", hint=_ANOTHER)


def check_not_own_key(by: Administrator | None, key: AdminKey) -> None:
    """Raise ConflictError for the key that the request itself was made with."""
    if by is not None and by.admin_key_id == key.admin_key_id:
        hint = "ambassador-admin logout" if key.is_login else _ANOTHER
        raise ConflictError("You are using this key at the moment.", hint=hint)


def can_log_in(user: User) -> bool:
    """Tell whether a right password would open a login; it lasts only as long as this holds."""
    return user.status is UserStatus.ACTIVE and user.source is AuthSource.LOCAL and bool(user.roles)


def is_admin(user: User) -> bool:
    """Tell whether this user, once logged in, may do what only an admin may."""
    return can_log_in(user) and Role.ADMIN in user.roles


def _check_manages(by: Administrator | None, user: User) -> None:
    if by is not None and not by.may(Right.MANAGE):
        raise MissingRightError(
            f"User {user.name!r} has or gets a role; that needs the right {Right.MANAGE.value!r}",
            reason="user_has_roles",
        )


def _check_covers(by: Administrator | None, roles: Iterable[Role]) -> None:
    if by is None:
        return
    own = rights_of(by.roles)
    for role in roles:
        lacking = rights_of([role]) - own
        if lacking:
            raise MissingRightError(
                f"The role {role.value!r} gives rights that you do not have yourself: "
                f"{', '.join(sorted(lacking))}",
                reason="exceeds_own_rights",
            )
