"""An administrator gains no rights by changing other users and keys."""

from dataclasses import replace
from itertools import product

import pytest

from ambassador_server.domain.people.administrators import Administrator, Right, Role, rights_of
from ambassador_server.domain.people.role_rules import (
    check_key_roles,
    check_new_password,
    check_not_locking_out,
    check_user_change,
)
from ambassador_server.domain.people.users import AuthSource, User, UserStatus
from ambassador_server.errors import AmbassadorError, ConflictError, InvalidInputError, MissingRightError
from tests.server.worlds import USER

ADMIN, OPERATOR, PROVISIONER, AUDITOR = Role.ADMIN, Role.OPERATOR, Role.PROVISIONER, Role.AUDITOR
SETS = [(), *((role,) for role in Role), (ADMIN, AUDITOR), (OPERATOR, AUDITOR)]


def by(*roles: Role, user_id: str | None = None) -> Administrator:
    return Administrator(admin_key_id="a1", name="someone", roles=roles, expires_at=None, user_id=user_id)


def user(*roles: Role, **changes: object) -> User:
    return replace(USER, roles=roles, **changes)  # type: ignore[arg-type]


REFUSED = [
    (by(PROVISIONER), user(), user(PROVISIONER)),
    (by(PROVISIONER), user(), user(ADMIN)),
    (by(PROVISIONER), user(OPERATOR), user()),
    (by(PROVISIONER), user(OPERATOR), user(OPERATOR, email="mine@example.com")),
    (by(PROVISIONER), user(OPERATOR), user(OPERATOR, source=AuthSource.EXTERNAL)),
    (by(PROVISIONER), user(OPERATOR), user(OPERATOR, status=UserStatus.SUSPENDED)),
    (by(PROVISIONER), user(OPERATOR), user(OPERATOR, display_name="x")),
    (by(PROVISIONER), None, user(OPERATOR)),
    (by(ADMIN), user(), user(AUDITOR)),
    (by(ADMIN), None, user(ADMIN, AUDITOR)),
    (by(ADMIN), user(AUDITOR), user(AUDITOR, email="mine@example.com")),
    (by(ADMIN), user(AUDITOR), user(AUDITOR, source=AuthSource.EXTERNAL)),
]
ALLOWED = [
    (by(PROVISIONER), None, user()),
    (by(PROVISIONER), user(), user(email="new@example.com", source=AuthSource.EXTERNAL)),
    (by(PROVISIONER), user(ADMIN), user(ADMIN)),
    (by(ADMIN), user(), user(ADMIN, OPERATOR, PROVISIONER)),
    (by(ADMIN), user(AUDITOR), user(AUDITOR, status=UserStatus.SUSPENDED)),
    (by(ADMIN), user(AUDITOR), user()),
    (by(ADMIN), user(AUDITOR), user(ADMIN, AUDITOR)),
    (by(ADMIN, AUDITOR), user(), user(AUDITOR, email="new@example.com")),
    (None, user(), user(ADMIN, AUDITOR)),
]


@pytest.mark.parametrize(("requester", "before", "after"), REFUSED)
def test_change_that_could_give_more_rights_is_refused(
    requester: Administrator, before: User | None, after: User
) -> None:
    with pytest.raises(MissingRightError):
        check_user_change(requester, before, after)


@pytest.mark.parametrize(("requester", "before", "after"), ALLOWED)
def test_every_other_change_is_allowed(
    requester: Administrator | None, before: User | None, after: User
) -> None:
    check_user_change(requester, before, after)


@pytest.mark.parametrize(("own", "theirs"), list(product(SETS, SETS)))
def test_no_allowed_change_gives_the_actor_new_rights(
    own: tuple[Role, ...], theirs: tuple[Role, ...]
) -> None:
    """A person who sets a password, makes a key or gives roles could use them himself."""
    # An administrator may do by hand all that a key for SCIM may.
    may = rights_of(own) | ({Right.SCIM} if ADMIN in own else set())
    covered = rights_of(theirs) <= may
    attempts = [
        lambda: check_new_password(by(*own), user(*theirs)),
        lambda: check_key_roles(by(*own), theirs),
        lambda: check_user_change(by(*own), None, user(*theirs)),
    ]
    for attempt in attempts:
        try:
            attempt()
        except AmbassadorError:
            continue
        assert covered


def test_password_needs_a_local_user_with_a_role() -> None:
    for nobody in (user(), user(ADMIN, source=AuthSource.EXTERNAL)):
        with pytest.raises(ConflictError):
            check_new_password(None, nobody)
    check_new_password(None, user(OPERATOR))


def test_admin_key_has_at_least_one_role_and_none_twice() -> None:
    with pytest.raises(InvalidInputError):
        check_key_roles(None, [])
    assert check_key_roles(None, [AUDITOR, ADMIN, AUDITOR]) == (ADMIN, AUDITOR)


@pytest.mark.parametrize(
    "after",
    [
        user(),
        user(OPERATOR),
        user(ADMIN, status=UserStatus.SUSPENDED),
        user(ADMIN, status=UserStatus.DEACTIVATED),
        user(ADMIN, source=AuthSource.EXTERNAL),
    ],
)
def test_administrators_cannot_remove_their_own_access(after: User) -> None:
    before = user(ADMIN)
    with pytest.raises(ConflictError):
        check_not_locking_out(by(ADMIN, user_id=before.user_id), before, after)
    check_not_locking_out(by(ADMIN, user_id="another"), before, after)
    check_not_locking_out(by(ADMIN), before, after)
    check_not_locking_out(by(ADMIN, user_id=before.user_id), before, user(ADMIN, display_name="x"))
