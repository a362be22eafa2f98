"""What ends with a user, in every table: by SCIM and by an administrator, in one transaction, recorded before."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from ambassador_protocol.paths import ADMIN_KEY_HEADER
from ambassador_server.domain.audit.events import ActorKind, AuditAction, Outcome
from ambassador_server.errors import AuditUnavailableError
from ambassador_server.storage.tables import metadata
from tests.server.web.held_things import Dump, Row, dump, give, rows_with
from tests.server.web.scim_server import PATCH, USER, ScimServer, scim_server

LEAVER: Final = "leaver@okta.example"
HOWS: Final = ("patch", "put", "delete", "administrator")

Check = Callable[[list[Row]], bool]


def _none(rows: list[Row]) -> bool:
    return not rows


def _all(**values: Any) -> Check:
    """Check that there are rows and that all of them have these values; Ellipsis stands for any but None."""

    def holds(rows: list[Row]) -> bool:
        return bool(rows) and all(
            row[name] is not None if value is ... else row[name] == value
            for row in rows
            for name, value in values.items()
        )

    return holds


def _only_to_revoke(rows: list[Row]) -> bool:
    """One row is the grant of the credential, the other one what the user had begun; nobody can finish either."""
    return len(rows) == 2 and all(row["state_digest"] is row["code_digest"] is None for row in rows)


ENDS: Final[dict[str, Check]] = {
    "client_keys": _all(status="revoked"),
    "sessions": _all(ended_at=..., end_reason="user_deactivated"),
    "admin_keys": _all(revoked_at=...),
    "passwords": _none,
    "enrolments": _none,
    "user_credentials": _none,
    "credential_secrets": _none,
    "pending_connections": _only_to_revoke,
    "approval_requests": _all(status="cancelled"),
}
"""What of a user ends with the user."""

EVENTS: Final = (
    AuditAction.USER_UPDATE,
    AuditAction.KEY_REVOKE,
    AuditAction.SESSION_REVOKE,
    AuditAction.ENROLMENT_CANCEL,
    AuditAction.CREDENTIAL_REVOKE,
    AuditAction.REQUEST_CANCEL,
)
MOST_EVENTS: Final = 1_000

STAYS: Final = {
    "memberships": "a group of administrators can deny",
    "grants": "policy: a grant can deny",
    "subscriptions": "they narrow a key, which is revoked",
    "kill_switches": "history, and policy",
    "limits": "policy",
}
"""What stays as it is, and why."""

OF_ITS_OWN: Final = {
    "users": "the account, which is deactivated",
    "scim_resources": "what the issuer says, which is the cause",
    "audit_events": "history",
    "policy_changes": "what other servers have to read again",
}
NOT_OF_ONE: Final = {"issuers"}
"""What only has names of claims that are about users."""

_OF_USER: Final = re.compile(r"(^|_)user(_|$)")


@pytest_asyncio.fixture
async def scim(tmp_path: Path) -> AsyncIterator[ScimServer]:
    async with scim_server(tmp_path) as running:
        yield running


def database(scim: ScimServer) -> Path:
    return Path(scim.server.config.store_url.partition(":///")[2])


async def two_users(scim: ScimServer) -> tuple[str, str]:
    """Return the ids of two users who hold one of everything."""
    found = []
    for number, name in ((1, "leaver"), (2, "bystander")):
        created = await scim.user(f"{name}@okta.example", externalId=name)
        await give(scim.server.base.store, created["id"], number)
        found.append(created["id"])
    await scim.server.base.policy.refresh()
    return found[0], found[1]


async def end(scim: ScimServer, user_id: str, how: str) -> int:
    """Try to deactivate the leaver, and return the status of the answer."""
    path, key = f"/scim/v2/Users/{user_id}", {"Authorization": f"Bearer {scim.key}"}
    operation = {"op": "replace", "path": "active", "value": False}
    method, path, body, headers = {
        "patch": ("PATCH", path, {"schemas": [PATCH], "Operations": [operation]}, key),
        "put": (
            "PUT",
            path,
            {"schemas": [USER], "userName": LEAVER, "externalId": "leaver", "active": False},
            key,
        ),
        "delete": ("DELETE", path, None, key),
        "administrator": (
            "PATCH",
            f"/v1/admin/users/{LEAVER}",
            {"status": "deactivated"},
            {ADMIN_KEY_HEADER: scim.admin},
        ),
    }[how]
    async with scim.http.request(method, path, json=body, headers=headers) as answer:
        return answer.status


@contextmanager
def recorded(
    scim: ScimServer, monkeypatch: pytest.MonkeyPatch, *, most: int = MOST_EVENTS
) -> Iterator[list[dict[str, Any]]]:
    """Collect what is recorded; after so many events none can be written any more."""
    recorder, events = scim.server.base.recorder, list[dict[str, Any]]()
    write = recorder.event

    def event_of(action: AuditAction, outcome: Outcome, **more: Any) -> Awaitable[None]:
        if len(events) >= most:
            raise AuditUnavailableError("The audit log cannot be written")
        events.append({"action": action, "outcome": outcome, **more})
        return write(action, outcome, **more)

    with monkeypatch.context() as patched:
        patched.setattr(recorder, "event", event_of)
        yield events


@contextmanager
def broken_statement(scim: ScimServer, number: int) -> Iterator[list[str]]:
    """Let the writing statement with this number fail, and yield it if there was one."""
    engine, seen, broken = scim.server.base.store._engine.sync_engine, [], list[str]()  # type: ignore[attr-defined]

    def look(*call: Any) -> None:
        statement = str(call[2])
        if not statement.startswith(("INSERT", "UPDATE", "DELETE")):
            return
        seen.append(statement)
        if len(seen) == number + 1:
            broken.append(statement)
            raise OperationalError(statement, {}, OSError("the disk is gone"))

    event.listen(engine, "before_cursor_execute", look)
    try:
        yield broken
    finally:
        event.remove(engine, "before_cursor_execute", look)


def of_user(found: Dump, user_id: str, number: int) -> Dump:
    """Return the rows of a user, those of what belongs to the user as well."""
    rows = rows_with(found, user_id, f"c{number}", f"k{number}")
    return {table: each for table, each in rows.items() if table not in OF_ITS_OWN}


def test_there_is_a_decision_about_every_table_with_something_of_a_user() -> None:
    """A new table that refers to users, or to what belongs to them, has to be in one of the lists."""
    of_users, found = {"users"}, 0
    while len(of_users) > found:
        found = len(of_users)
        of_users |= {
            table.name
            for table in metadata.tables.values()
            if any(key.column.table.name in of_users for key in table.foreign_keys)
            or any(_OF_USER.search(column.name) for column in table.columns)
        }
    targets = {table.name for table in metadata.tables.values() if "target" in table.columns}
    decided = {*ENDS, *STAYS, *OF_ITS_OWN}
    assert of_users | targets <= decided | NOT_OF_ONE
    assert decided | NOT_OF_ONE <= {*metadata.tables}


@pytest.mark.parametrize("how", HOWS)
async def test_everything_ends_in_one_transaction_and_nothing_of_others(scim: ScimServer, how: str) -> None:
    leaver, bystander = await two_users(scim)
    before = dump(database(scim))
    held = of_user(before, leaver, 1)
    assert set(held) == {*ENDS, *STAYS}, "the user holds one of everything"
    assert set(rows_with(before, leaver)) <= {*ENDS, *STAYS, *OF_ITS_OWN}
    assert await end(scim, leaver, how) < 300
    after = dump(database(scim))
    now_held = of_user(after, leaver, 1)
    for table, holds in ENDS.items():
        assert holds(now_held.get(table, [])), (table, now_held.get(table))
    async with scim.server.base.store.read() as work:
        to_revoke = await work.pending.expired(datetime.now(UTC), limit=9)
    assert {each.user_id for each in to_revoke} == {leaver}
    assert len(to_revoke) == 2, "a job revokes both at their providers"
    for table in STAYS:
        assert now_held[table] == held[table], table
    assert of_user(after, bystander, 2) == of_user(before, bystander, 2)
    first, last = (found["policy_state"][0]["version"] for found in (before, after))
    assert last == first + 1, "one transaction"


@pytest.mark.parametrize("how", HOWS)
async def test_every_end_is_recorded_with_who_caused_it(
    scim: ScimServer, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    leaver, _ = await two_users(scim)
    with recorded(scim, monkeypatch) as events:
        assert await end(scim, leaver, how) < 300
    actor = "root" if how == "administrator" else "okta-scim"
    assert {(each["actor"].kind, each["actor"].name) for each in events} == {(ActorKind.ADMIN, actor)}
    assert {each["outcome"] for each in events} == {Outcome.SUCCEEDED}
    assert len({each["origin"].request_id for each in events}) == 1
    assert sorted(each["action"] for each in events) == sorted(EVENTS)


@pytest.mark.parametrize("how", HOWS)
async def test_nothing_changes_if_any_record_cannot_be_written(
    scim: ScimServer, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    leaver, _ = await two_users(scim)
    before = dump(database(scim))
    for most in range(len(EVENTS)):
        with recorded(scim, monkeypatch, most=most) as events:
            assert await end(scim, leaver, how) == 503
        assert len(events) == most
        assert dump(database(scim)) == before, "records precede the commit"
    assert await end(scim, leaver, how) < 300


@pytest.mark.parametrize("how", HOWS)
async def test_nothing_changes_if_any_statement_fails(scim: ScimServer, how: str) -> None:
    leaver, _ = await two_users(scim)
    before, number = dump(database(scim)), 0
    while True:
        with broken_statement(scim, number) as broken:
            status = await end(scim, leaver, how)
        if not broken:
            break
        assert status >= 500, broken
        assert dump(database(scim)) == before, broken
        number += 1
    assert status < 300
    assert number >= len(ENDS)


async def test_who_is_suspended_loses_logins_alone_and_is_refused_everywhere(scim: ScimServer) -> None:
    leaver, _ = await two_users(scim)
    before = of_user(dump(database(scim)), leaver, 1)
    await scim.ask("PATCH", f"users/{LEAVER}", {"status": "suspended"})
    after = of_user(dump(database(scim)), leaver, 1)
    assert ENDS["admin_keys"](after.pop("admin_keys"))
    before.pop("admin_keys")
    changed = {table for table in before if after.get(table) != before[table]}
    assert changed <= {"passwords"}
