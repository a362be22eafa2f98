"""For any sequence of changes by administrators: one administrator is left, and no change gives new rights."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.people.administrators import Administrator, Right, Role, rights_of
from ambassador_server.domain.people.role_rules import is_admin
from ambassador_server.domain.people.users import AuthSource, UserStatus
from ambassador_server.errors import AmbassadorError
from ambassador_server.services.administration.users import UserSpec
from tests.effort import examples
from tests.server.services.sign_in.test_logins import CONSOLE, Office
from tests.server.services.world import ORIGIN

PEOPLE = ("root", "carol", "paul")
KEYS = ("ci", "cd")
PASSWORD = "a password of my own"

spec = st.builds(
    UserSpec,
    email=st.none() | st.just("mine@example.com"),
    status=st.none() | st.sampled_from(UserStatus),
    roles=st.none() | st.sets(st.sampled_from(Role)).map(tuple),
    source=st.none() | st.sampled_from(AuthSource),
)
roles = st.sets(st.sampled_from(Role), min_size=1).map(tuple)
deeds = st.one_of(
    st.tuples(st.just("update"), st.sampled_from(PEOPLE), spec),
    st.tuples(st.just("password"), st.sampled_from(PEOPLE), st.none()),
    st.tuples(st.just("issue"), st.sampled_from(KEYS), roles),
    st.tuples(st.just("revoke"), st.sampled_from(KEYS), st.none()),
)

FALLS = [
    UserSpec(status=UserStatus.SUSPENDED),
    UserSpec(roles=[]),
    UserSpec(roles=[Role.OPERATOR]),
    UserSpec(source=AuthSource.EXTERNAL),
    UserSpec(roles=[Role.ADMIN], status=UserStatus.ACTIVE, source=AuthSource.LOCAL),
]
falls = st.one_of(
    st.tuples(st.just("update"), st.sampled_from(PEOPLE), st.sampled_from(FALLS)),
    st.tuples(st.just("password"), st.sampled_from(PEOPLE), st.none()),
    st.tuples(st.just("issue"), st.sampled_from(KEYS), st.just([Role.ADMIN])),
    st.tuples(st.just("revoke"), st.sampled_from(KEYS), st.none()),
)


def do(office: Office, by: Requester, deed: tuple[str, str, Any]) -> Awaitable[Any]:
    what, name, more = deed
    match what:
        case "update":
            return office.users.update(by, name, more)
        case "password":
            return office.passwords.set(by, name, PASSWORD)
        case "issue":
            return office.keys.issue(by, name=name, roles=more, lifetime=None)
        case _:
            return office.keys.revoke(by, name)


async def hold_office() -> Office:
    office = await Office.build()
    await office.hire("root", Role.ADMIN)
    await office.hire("carol", Role.ADMIN, Role.OPERATOR)
    await office.hire("paul", Role.PROVISIONER)
    return office


async def attempt(office: Office, by: Requester, deed: tuple[str, str, Any]) -> bool:
    try:
        await do(office, by, deed)
    except AmbassadorError:
        return False
    return True


@examples(50)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from(PEOPLE), falls), max_size=20))
def test_an_administrator_is_always_left(story: list[tuple[bool, str, tuple[str, str, Any]]]) -> None:
    """Requests are carried out although their administrator was removed meanwhile."""

    async def play() -> None:
        office = await hold_office()
        for by_console, name, deed in story:
            user = await office.users.get(name)
            person = Administrator(
                admin_key_id=f"login of {name}",
                name=name,
                roles=(Role.ADMIN, Role.AUDITOR),
                expires_at=None,
                user_id=user.user_id,
            )
            await attempt(office, CONSOLE if by_console else Requester(person, ORIGIN), deed)
            async with office.world.store.read() as work:
                proved = {each.user_id for each in await work.passwords.all()}
                people = [each for each in await work.users.all() if each.user_id in proved]
                now = office.world.clock.now()
                keys = [each for each in await work.admin_keys.all() if each.is_good(now)]
            assert any(map(is_admin, people)) or any(Role.ADMIN in key.roles for key in keys)

    asyncio.run(play())


@examples(40)
@given(st.sampled_from(Role), st.lists(deeds, max_size=12))
def test_administrators_never_gain_rights_beyond_their_own(
    role: Role, story: list[tuple[str, str, Any]]
) -> None:
    """No user or key that an actor issued, or whose password or mail address he set, has rights beyond his own."""

    async def play() -> None:
        office = await hold_office()
        await office.users.update(CONSOLE, "carol", UserSpec(roles=[Role.AUDITOR]))
        by = Requester(Administrator(admin_key_id="x", name="x", roles=(role,), expires_at=None), ORIGIN)
        own = rights_of([role])
        for deed in story:
            what, name, _ = deed
            before = None if what in {"issue", "revoke"} else await office.users.get(name)
            if not await attempt(office, by, deed):
                continue
            if what == "issue":
                async with office.world.store.read() as work:
                    key = await work.admin_keys.by_name(name)
                assert key is not None
                assert rights_of(key.roles) <= own
            elif before is not None:
                after = await office.users.get(name)
                gained = rights_of(after.roles) - rights_of(before.roles)
                assert gained <= own
                if what == "password" or (before.email, before.source) != (after.email, after.source):
                    assert rights_of(before.roles) <= own
                if Right.MANAGE not in own:
                    assert before == after or not (before.roles or after.roles)

    asyncio.run(play())
