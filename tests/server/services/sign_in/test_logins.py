"""Logins with a password: they have the current roles of their user, and guesses are throttled."""

from dataclasses import dataclass
from datetime import timedelta
from typing import cast

import pytest

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction, Outcome
from ambassador_server.domain.people.administrators import Administrator, Right, Role
from ambassador_server.domain.people.principals import Origin
from ambassador_server.domain.people.users import AuthSource, UserStatus
from ambassador_server.domain.shared.listing import Listing
from ambassador_server.errors import (
    AmbassadorError,
    ConflictError,
    InvalidInputError,
    MissingRightError,
    NotAuthenticatedError,
    OverloadedError,
    RateLimitedError,
    WrongPasswordError,
)
from ambassador_server.services.administration.admin_keys import AdminKeys
from ambassador_server.services.administration.passwords import Passwords
from ambassador_server.services.administration.users import Users, UserSpec
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.sign_in.administrator_proof import AdministratorProver
from ambassador_server.services.sign_in.logins import Logins
from ambassador_server.services.sign_in.organisation_proof import OrganisationProver
from ambassador_server.services.sign_in.password_proof import PasswordProver
from ambassador_server.wording.advice import hint_text
from tests.fakes.passwords import PlainHasherPool
from tests.fakes.throttle import CountingThrottle
from tests.server.services.world import ORIGIN, World

CONSOLE = Requester(None, None)
PASSWORD = "correct horse battery"
ELSEWHERE = Origin("request-2", "203.0.113.9")
PEPPER = b"p" * 32
ALLOWED = 3


@dataclass(kw_only=True)
class Office:
    """The services of administration over one store, with users that the test adds."""

    world: World
    hashers: PlainHasherPool
    users: Users
    passwords: Passwords
    logins: Logins
    keys: AdminKeys
    administrators: AdministratorProver

    @classmethod
    async def build(cls) -> "Office":
        world, hashers = await World.build(), PlainHasherPool()
        store, changes, clock, throttle = world.store, world.changes, world.clock, CountingThrottle(ALLOWED)
        recorder = Recorder(log=world.log, clock=clock)
        prover = PasswordProver(store=store, recorder=recorder, hashers=hashers, throttle=throttle)
        return cls(
            world=world,
            hashers=hashers,
            users=Users(store=store, changes=changes, clock=clock),
            passwords=Passwords(changes=changes, hashers=hashers, prover=prover, clock=clock),
            logins=Logins(
                store=store,
                changes=changes,
                prover=prover,
                # These people sign in with passwords alone; tests/end_to_end/test_sign_in.py has the issuers.
                organisations=cast("OrganisationProver", None),
                clock=clock,
                lifetime=timedelta(hours=12),
                pepper=PEPPER,
            ),
            keys=AdminKeys(store=store, changes=changes, clock=clock, pepper=PEPPER),
            administrators=AdministratorProver(
                store=store,
                policy=world.policy,
                recorder=recorder,
                throttle=throttle,
                clock=clock,
                pepper=PEPPER,
            ),
        )

    async def hire(self, name: str, *roles: Role) -> None:
        await self.users.create(CONSOLE, name, UserSpec(roles=roles))
        await self.passwords.set(CONSOLE, name, PASSWORD)

    async def log_in(self, name: str, password: str = PASSWORD, origin: Origin = ORIGIN) -> str:
        _, secret, _ = await self.logins.open(name, password, origin)
        return secret

    async def whois(self, secret: str) -> Administrator:
        return await self.administrators.authenticate(secret, Right.READ, ORIGIN)

    async def requester(self, secret: str) -> Requester:
        return Requester(await self.whois(secret), ORIGIN)

    async def is_good(self, secret: str) -> bool:
        try:
            await self.whois(secret)
        except (NotAuthenticatedError, RateLimitedError):
            return False
        return True


@pytest.fixture
async def office() -> Office:
    built = await Office.build()
    await built.hire("root", Role.ADMIN)
    return built


async def test_login_has_the_current_roles_of_its_user_and_expires(office: Office) -> None:
    await office.hire("carol", Role.OPERATOR)
    secret = await office.log_in("carol")
    who = await office.whois(secret)
    assert (who.name, who.roles, who.user_id is not None) == ("carol", (Role.OPERATOR,), True)
    await office.users.update(CONSOLE, "carol", UserSpec(roles=[Role.PROVISIONER]))
    assert (await office.whois(secret)).roles == (Role.PROVISIONER,)
    with pytest.raises(MissingRightError):
        await office.administrators.authenticate(secret, Right.MANAGE, ORIGIN)
    office.world.clock.advance(12 * 3600)
    assert not await office.is_good(secret)


@pytest.mark.parametrize(
    "spec",
    [
        UserSpec(status=UserStatus.SUSPENDED),
        UserSpec(status=UserStatus.DEACTIVATED),
        UserSpec(roles=[]),
        UserSpec(source=AuthSource.EXTERNAL),
    ],
)
async def test_login_ends_for_good_when_its_user_may_no_longer_log_in(office: Office, spec: UserSpec) -> None:
    await office.hire("carol", Role.OPERATOR)
    secret = await office.log_in("carol")
    await office.users.update(CONSOLE, "carol", spec)
    assert not await office.is_good(secret)
    with pytest.raises(WrongPasswordError):
        await office.log_in("carol")
    back = UserSpec(status=UserStatus.ACTIVE, roles=[Role.OPERATOR], source=AuthSource.LOCAL)
    await office.users.update(CONSOLE, "carol", back)
    assert not await office.is_good(secret)


@pytest.mark.parametrize("spec", [UserSpec(roles=[]), UserSpec(source=AuthSource.EXTERNAL)])
async def test_password_is_deleted_when_its_user_may_not_have_one(office: Office, spec: UserSpec) -> None:
    await office.hire("carol", Role.OPERATOR)
    await office.users.update(CONSOLE, "carol", spec)
    await office.users.update(CONSOLE, "carol", UserSpec(roles=[Role.ADMIN], source=AuthSource.LOCAL))
    with pytest.raises(WrongPasswordError):
        await office.log_in("carol")


async def test_new_password_ends_the_logins(office: Office) -> None:
    secret = await office.log_in("root")
    await office.passwords.set(await office.requester(secret), "root", "another good password")
    assert not await office.is_good(secret)
    with pytest.raises(WrongPasswordError):
        await office.log_in("root")
    assert await office.is_good(await office.log_in("root", "another good password"))


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("root", "wrong horse battery"),
        ("nobody", PASSWORD),
        ("alice", PASSWORD),
        ("root", ""),
        ("root", "\ud800"),
    ],
)
async def test_every_failure_is_the_same_answer_after_the_same_work(
    office: Office, name: str, password: str
) -> None:
    with pytest.raises(WrongPasswordError) as caught:
        await office.log_in(name, password)
    with pytest.raises(WrongPasswordError) as usual:
        await office.log_in("root", "wrong horse battery")
    assert caught.value.message == usual.value.message
    assert len(office.hashers.verified) == 2
    refused = [event for event in office.world.log.events if event.action is AuditAction.ADMIN_REFUSE]
    assert [event.outcome for event in refused] == [Outcome.DENIED, Outcome.DENIED]
    assert "nobody" not in str(refused)
    assert PASSWORD not in str(office.world.log.events)


async def test_password_of_a_user_who_may_not_log_in_is_verified_too(office: Office) -> None:
    await office.hire("carol", Role.OPERATOR)
    await office.users.update(CONSOLE, "carol", UserSpec(status=UserStatus.SUSPENDED))
    with pytest.raises(WrongPasswordError):
        await office.log_in("carol")
    assert len(office.hashers.verified) == 1


async def test_outdated_hash_is_replaced_and_the_password_stays(office: Office) -> None:
    office.hashers.version = 2
    first = await office.log_in("root")
    async with office.world.store.read() as work:
        (stored,) = await work.passwords.all()
    assert stored.hash.startswith("2:")
    assert await office.is_good(first)
    assert await office.is_good(await office.log_in("root"))


async def test_guesses_from_elsewhere_do_not_lock_out_a_known_address(office: Office) -> None:
    await office.log_in("root")
    for _ in range(ALLOWED):
        with pytest.raises(WrongPasswordError):
            await office.log_in("root", "wrong horse battery", ELSEWHERE)
    with pytest.raises(RateLimitedError):
        await office.log_in("root", PASSWORD, ELSEWHERE)
    with pytest.raises(RateLimitedError):
        await office.log_in("root", PASSWORD, Origin("request-3", "198.51.100.1"))
    assert await office.is_good(await office.log_in("root"))


async def test_guesses_at_many_names_block_the_address_except_for_its_known_users(office: Office) -> None:
    await office.log_in("root")
    for number in range(ALLOWED):
        with pytest.raises(WrongPasswordError):
            await office.log_in(f"user-{number}")
    with pytest.raises(RateLimitedError):
        await office.log_in("another")
    assert await office.is_good(await office.log_in("root"))
    verified = len(office.hashers.verified)
    for number in range(ALLOWED):
        with pytest.raises(WrongPasswordError):
            await office.log_in("root", f"wrong horse {number}")
    with pytest.raises(RateLimitedError):
        await office.log_in("root")
    assert len(office.hashers.verified) == verified + ALLOWED


async def test_too_many_simultaneous_logins_are_refused(office: Office) -> None:
    office.hashers.is_full = True
    with pytest.raises(OverloadedError):
        await office.log_in("root")


async def test_logout_ends_only_its_own_login(office: Office) -> None:
    first, second = await office.log_in("root"), await office.log_in("root")
    await office.logins.close(await office.requester(first))
    assert not await office.is_good(first)
    assert await office.is_good(second)
    actions = [event.action for event in office.world.log.events]
    assert actions.count(AuditAction.ADMIN_OPEN) == 2
    assert actions.count(AuditAction.ADMIN_CLOSE) == 1
    closed = next(event for event in office.world.log.events if event.action is AuditAction.ADMIN_CLOSE)
    assert closed.actor.name == "root"


async def test_admin_key_cannot_be_logged_out(office: Office) -> None:
    _, secret = await office.keys.issue(CONSOLE, name="ci", roles=[Role.OPERATOR], lifetime=None)
    with pytest.raises(ConflictError):
        await office.logins.close(await office.requester(secret))


async def test_old_logins_are_deleted_and_admin_keys_are_not(office: Office) -> None:
    await office.log_in("root")
    await office.keys.issue(CONSOLE, name="ci", roles=[Role.OPERATOR], lifetime=timedelta(hours=1))
    office.world.clock.advance(8 * 86400)
    await office.log_in("root")
    await office.logins.forget_expired()
    left = (await office.keys.page(Listing(limit=10))).items
    assert sorted(key.is_login for key in left) == [False, True]


@pytest.mark.parametrize(
    "password",
    ["short", "x" * 1025, "aaaaaaaaaaaaaa", "my name is ROOT ok", "tab\tin the middle", "\ud800" * 20],
)
async def test_weak_password_is_refused(office: Office, password: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        await office.passwords.set(CONSOLE, "root", password)
    assert password not in caught.value.message


async def test_password_is_normalised_before_it_is_hashed(office: Office) -> None:
    await office.passwords.set(CONSOLE, "root", "caf\u00e9 au lait, bitte")
    assert await office.is_good(await office.log_in("root", "cafe\u0301 au lait, bitte"))


async def test_own_password_change_ends_all_other_logins(office: Office) -> None:
    await office.hire("carol", Role.OPERATOR)
    here, there = await office.log_in("carol"), await office.log_in("carol")
    await office.passwords.change(await office.requester(here), PASSWORD, "another good password")
    assert await office.is_good(here)
    assert not await office.is_good(there)
    assert await office.is_good(await office.log_in("carol", "another good password"))


async def test_password_change_needs_the_current_password(office: Office) -> None:
    root = await office.requester(await office.log_in("root"))
    for _ in range(ALLOWED):
        with pytest.raises(WrongPasswordError):
            await office.passwords.change(root, "wrong horse battery", "another good password")
    with pytest.raises(RateLimitedError):
        await office.passwords.change(root, PASSWORD, "another good password")


async def test_admin_key_has_no_password_to_change(office: Office) -> None:
    _, secret = await office.keys.issue(CONSOLE, name="ci", roles=[Role.ADMIN], lifetime=None)
    with pytest.raises(ConflictError):
        await office.passwords.change(await office.requester(secret), PASSWORD, "another good password")


async def test_refused_escalation_is_recorded(office: Office) -> None:
    await office.hire("paul", Role.PROVISIONER)
    paul = await office.requester(await office.log_in("paul"))
    for attempt in (
        office.users.create(paul, "mallory", UserSpec(roles=[Role.ADMIN])),
        office.users.update(paul, "root", UserSpec(email="paul@example.com")),
        office.passwords.set(paul, "root", "a password of my own"),
    ):
        with pytest.raises(MissingRightError):
            await attempt
    refused = [event for event in office.world.log.events if event.action is AuditAction.ADMIN_REFUSE]
    assert [(event.actor.name, event.reason) for event in refused] == [("paul", "user_has_roles")] * 3
    assert await office.is_good(await office.log_in("root"))


async def test_administrators_cannot_lock_themselves_out(office: Office) -> None:
    await office.hire("carol", Role.ADMIN)
    secret = await office.log_in("carol")
    carol = await office.requester(secret)
    assert carol.administrator is not None
    login = (await office.keys.page(Listing(limit=10))).items[0]
    attempts = [
        office.users.update(carol, "carol", UserSpec(status=UserStatus.SUSPENDED)),
        office.users.update(carol, "carol", UserSpec(roles=[Role.OPERATOR])),
        office.users.update(carol, "carol", UserSpec(source=AuthSource.EXTERNAL)),
        office.keys.revoke(carol, login.name),
    ]
    for attempt in attempts:
        with pytest.raises(ConflictError) as caught:
            await attempt
        assert hint_text(caught.value)
    assert await office.is_good(secret)


CHANGES_OF_THE_LAST_ADMINISTRATOR = [
    UserSpec(status=UserStatus.SUSPENDED),
    UserSpec(status=UserStatus.DEACTIVATED),
    UserSpec(roles=[]),
    UserSpec(roles=[Role.OPERATOR, Role.AUDITOR]),
    UserSpec(source=AuthSource.EXTERNAL),
]


@pytest.mark.parametrize("spec", CHANGES_OF_THE_LAST_ADMINISTRATOR)
@pytest.mark.parametrize(
    "others",
    ["nobody", "no password", "suspended", "only an operator", "expired key", "revoked key", "login"],
)
async def test_the_last_administrator_stays(office: Office, spec: UserSpec, others: str) -> None:
    await leave(office, others)
    with pytest.raises(ConflictError, match="Nobody could administer"):
        await office.users.update(CONSOLE, "root", spec)
    assert await office.is_good(await office.log_in("root"))


@pytest.mark.parametrize("spec", CHANGES_OF_THE_LAST_ADMINISTRATOR)
@pytest.mark.parametrize("other", ["admin", "key"])
async def test_the_last_but_one_may_go(office: Office, spec: UserSpec, other: str) -> None:
    if other == "admin":
        await office.hire("carol", Role.ADMIN)
    else:
        await office.keys.issue(CONSOLE, name="ci", roles=[Role.ADMIN], lifetime=None)
    await office.users.update(CONSOLE, "root", spec)


async def test_the_last_admin_key_stays(office: Office) -> None:
    await office.keys.issue(CONSOLE, name="first", roles=[Role.ADMIN], lifetime=None)
    await office.users.update(CONSOLE, "root", UserSpec(roles=[]))
    with pytest.raises(ConflictError, match="Nobody could administer"):
        await office.keys.revoke(CONSOLE, "first")
    _, secret = await office.keys.issue(CONSOLE, name="second", roles=[Role.ADMIN], lifetime=None)
    second = await office.requester(secret)
    with pytest.raises(ConflictError, match="using this key"):
        await office.keys.revoke(second, "second")
    await office.keys.revoke(second, "first")
    with pytest.raises(ConflictError, match="revoked already"):
        await office.keys.revoke(second, "first")


async def leave(office: Office, others: str) -> None:
    """Make a user who looks like an administrator and is none."""
    if others == "no password":
        await office.users.create(CONSOLE, "carol", UserSpec(roles=[Role.ADMIN]))
    elif others == "suspended":
        await office.hire("carol", Role.ADMIN)
        await office.users.update(CONSOLE, "carol", UserSpec(status=UserStatus.SUSPENDED))
    elif others == "only an operator":
        await office.hire("carol", Role.OPERATOR)
    elif others == "expired key":
        await office.keys.issue(CONSOLE, name="old", roles=[Role.ADMIN], lifetime=timedelta(seconds=1))
        office.world.clock.advance(2)
    elif others == "revoked key":
        await office.keys.issue(CONSOLE, name="old", roles=[Role.ADMIN], lifetime=None)
        await office.keys.revoke(CONSOLE, "old")
    elif others == "login":
        await office.log_in("root")


async def test_refused_change_leaves_no_partial_change(office: Office) -> None:
    before = await office.users.get("root")
    secret = await office.log_in("root")
    with pytest.raises(AmbassadorError):
        await office.users.update(CONSOLE, "root", UserSpec(status=UserStatus.SUSPENDED))
    assert await office.users.get("root") == before
    assert await office.is_good(secret)
