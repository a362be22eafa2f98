"""A key that reads the metrics does so while the database does not answer, for ten minutes and no longer."""

from datetime import timedelta

import pytest

from ambassador_server.domain.people.administrators import Administrator, Right, Role
from ambassador_server.errors import MissingRightError, NotAuthenticatedError, StorageError
from ambassador_server.services.shared import database_deadline
from ambassador_server.services.sign_in.monitor_proofs import REMEMBERED_SECONDS
from tests.server.services.sign_in.test_logins import CONSOLE, Office
from tests.server.services.world import ORIGIN


@pytest.fixture(autouse=True)
def short_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_deadline, "DATABASE_SECONDS", 0.05)


async def issue(office: Office, *roles: Role, lifetime: timedelta | None = None) -> str:
    _, secret = await office.keys.issue(CONSOLE, name="prometheus", roles=roles, lifetime=lifetime)
    return secret


async def read(office: Office, secret: str, right: Right = Right.METRICS_READ) -> Administrator:
    return await office.administrators.authenticate(secret, right, ORIGIN)


async def test_a_key_opens_the_metrics_while_the_database_hangs():
    office = await Office.build()
    secret = await issue(office, Role.MONITOR)
    await read(office, secret)
    office.world.store.answers.clear()
    assert (await read(office, secret)).name == "prometheus"
    office.world.clock.advance(REMEMBERED_SECONDS)
    assert office.world.policy.is_stale()
    assert (await read(office, secret)).name == "prometheus"
    office.world.clock.advance(1)
    with pytest.raises(StorageError):
        await read(office, secret)


async def test_it_opens_nothing_else():
    office = await Office.build()
    secret = await issue(office, Role.OPERATOR)
    await read(office, secret)
    other = await issue_another(office)
    with pytest.raises(MissingRightError):
        await read(office, other, Right.READ)
    await office.world.store.close()
    await read(office, secret)
    with pytest.raises(StorageError):
        await read(office, secret, Right.READ)


async def issue_another(office: Office) -> str:
    _, secret = await office.keys.issue(CONSOLE, name="other", roles=[Role.MONITOR], lifetime=None)
    return secret


async def test_a_key_that_the_database_has_not_confirmed_opens_nothing():
    office = await Office.build()
    unseen, seen = await issue(office, Role.MONITOR), await issue_another(office)
    await read(office, seen)
    office.world.store.answers.clear()
    for secret in (unseen, seen[:-1] + ("A" if seen[-1] != "A" else "B")):
        with pytest.raises((StorageError, NotAuthenticatedError)):
            await read(office, secret)


async def test_a_revoked_key_is_refused_at_once_while_the_database_answers_and_forgotten():
    office = await Office.build()
    secret = await issue(office, Role.MONITOR)
    await read(office, secret)
    await office.keys.revoke(CONSOLE, "prometheus")
    with pytest.raises(NotAuthenticatedError):
        await read(office, secret)
    office.world.store.answers.clear()
    with pytest.raises(StorageError):
        await read(office, secret)


async def test_an_expired_key_is_refused_without_the_database():
    office = await Office.build()
    secret = await issue(office, Role.MONITOR, lifetime=timedelta(seconds=60))
    await read(office, secret)
    office.world.clock.advance(60)
    office.world.store.answers.clear()
    with pytest.raises(StorageError):
        await read(office, secret)


async def test_the_login_of_a_person_is_not_remembered():
    office = await Office.build()
    await office.hire("root", Role.ADMIN)
    secret = await office.log_in("root")
    await read(office, secret)
    office.world.store.answers.clear()
    with pytest.raises(StorageError):
        await read(office, secret)


async def test_a_wrong_right_is_refused_without_the_database_too():
    office = await Office.build()
    secret = await issue(office, Role.AUDITOR)
    for _ in range(2):
        with pytest.raises(MissingRightError):
            await read(office, secret)
        office.world.store.answers.clear()
