"""SCIM with many users: what a request costs is what it names or shows, in statements and in calls of Python."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Engine, event

from ambassador_server.domain.people.scim_resources import ScimKind, ScimResource
from ambassador_server.domain.people.users import AuthSource, User, UserStatus
from ambassador_server.web.admin.scim import storage as scim_storage
from tests.server.web.scim_server import GROUP, USER, ScimServer, scim_server

pytestmark = pytest.mark.asyncio(loop_scope="module")
MANY = 3_000
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class Cost:
    """How many statements ran, and how many functions the event loop called."""

    statements: int = 0
    calls: int = 0


@contextmanager
def counting() -> Iterator[Cost]:
    """Count what the block costs."""
    cost = Cost()

    def note(*_: Any) -> None:
        cost.statements += 1

    def called(_frame: FrameType, kind: str, _argument: object) -> None:
        cost.calls += kind == "call"

    event.listen(Engine, "before_cursor_execute", note)
    before = sys.getprofile()
    sys.setprofile(called)
    try:
        yield cost
    finally:
        sys.setprofile(before)
        event.remove(Engine, "before_cursor_execute", note)


async def _add_users(scim: ScimServer, first: int, last: int) -> list[str]:
    """Store users as if SCIM had described each of them."""
    store = scim.server.services.administration.provisioning._store
    ids = [f"user-{number:06}" for number in range(first, last)]
    async with store.write() as work:
        issuer = await work.issuers.by_name("okta")
        assert issuer is not None
        for each in ids:
            name = f"{each}@okta.example"
            await work.users.add(
                User(
                    user_id=each,
                    name=name,
                    display_name=name,
                    email=name,
                    status=UserStatus.ACTIVE,
                    created_at=NOW,
                    updated_at=NOW,
                    source=AuthSource.EXTERNAL,
                    issuer=issuer.url,
                    subject=each,
                    provisioner=issuer.issuer_id,
                )
            )
            await work.scim.add(
                ScimResource(
                    resource_id=each,
                    issuer_id=issuer.issuer_id,
                    kind=ScimKind.USER,
                    name_key=name,
                    external_id=each,
                    active=True,
                    document={"schemas": [USER], "userName": name, "emails": [{"value": name}]},
                    created_at=NOW,
                    updated_at=NOW,
                )
            )
    return ids


def _values(ids: list[str]) -> list[dict[str, str]]:
    return [{"value": each} for each in ids]


async def _group(scim: ScimServer, name: str, ids: list[str]) -> str:
    body = {"schemas": [GROUP], "displayName": name, "members": _values(ids)}
    created = await scim.scim("POST", "Groups", body, status=201)
    assert len(created.get("members", ())) == len(ids)
    return f"Groups/{created['id']}"


@dataclass
class Many:
    """A server with many users, and a small and a large group."""

    scim: ScimServer
    ids: list[str]
    small: str
    large: str
    growth: dict[str, tuple[Cost, Cost]]


async def _listed(scim: ScimServer, query: str, path: str = "Users") -> tuple[Cost, Any]:
    await scim.scim("GET", f"{path}?{query}", status=200)  # warms what is built once
    with counting() as cost:
        answer = await scim.scim("GET", f"{path}?{query}", status=200)
    return cost, answer


QUERIES = [
    "count=100",
    "count=100&startIndex=51",
    'filter=userName eq "user-000007@okta.example"',
    'filter=id eq "user-000007" and emails pr',
]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def many(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Many]:
    async with scim_server(tmp_path_factory.mktemp("scim")) as scim:
        ids = await _add_users(scim, 0, 200)
        small = await _group(scim, "small", ids[:20])
        few = {query: (await _listed(scim, query))[0] for query in QUERIES}
        ids += await _add_users(scim, 200, MANY)
        large = await _group(scim, "large", ids[:-10])
        growth = {query: (cost, (await _listed(scim, query))[0]) for query, cost in few.items()}
        yield Many(scim, ids, small, large, growth)


def _cost_alike(few: Cost, many: Cost) -> None:
    assert many.statements == few.statements
    assert many.calls < few.calls * 1.1 + 200


@pytest.mark.parametrize("query", QUERIES)
async def test_a_page_costs_what_is_on_it(many: Many, query: str) -> None:
    few, now = many.growth[query]
    if "filter" not in query:
        # More users on the page are in two groups.
        assert now.statements == few.statements
        assert now.calls < few.calls * 1.5
    else:
        _cost_alike(few, now)
    assert now.statements < 12


CHANGES = {
    "add": {"op": "add", "path": "members"},
    "remove a list": {"op": "Remove", "path": "members"},
    "remove": {"op": "remove"},
    "rename": {"op": "replace", "path": "displayName"},
}


@pytest.mark.parametrize("how", CHANGES)
async def test_a_change_costs_what_it_names(many: Many, how: str) -> None:
    costs = []
    joining, leaving = many.ids[-5:], many.ids[3]
    for path in (many.small, many.large):
        operation: dict[str, Any] = dict(CHANGES[how])
        if how == "add":
            operation["value"] = _values(joining)
        elif how == "remove a list":
            operation["value"] = _values([leaving])
        elif how == "remove":
            operation["path"] = f'members[value eq "{many.ids[4]}"]'
        else:
            operation["value"] = f"renamed {path[-5:]}"
        body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]}
        with counting() as cost:
            await many.scim.scim("PATCH", path, body, status=204)
        costs.append(cost)
    _cost_alike(*costs)
    assert costs[1].statements < 40


async def test_a_group_is_read_without_its_members(many: Many) -> None:
    for query in ("excludedAttributes=members", "attributes=displayName,externalId"):
        costs = []
        for path in (many.small, many.large):
            await many.scim.scim("GET", f"{path}?{query}", status=200)
            with counting() as cost:
                answer = await many.scim.scim("GET", f"{path}?{query}", status=200)
            assert "members" not in answer
            costs.append(cost)
        _cost_alike(*costs)


async def test_who_is_a_member_is_asked_without_the_others(many: Many) -> None:
    group_id = many.large.partition("/")[2]
    for query in (f'id eq "{group_id}" and members eq "{many.ids[8]}"', f'members[value eq "{many.ids[9]}"]'):
        cost, answer = await _listed(many.scim, f"filter={query}&attributes=id", "Groups")
        assert group_id in {each["id"] for each in answer["Resources"]}
        assert cost.statements < 12
        assert cost.calls < 20_000
    refused = await many.scim.scim("GET", 'Groups?filter=members.type eq "User"', status=400)
    assert refused["scimType"] == "invalidFilter"


async def test_many_members_are_few_statements(many: Many) -> None:
    """A statement holds hundreds of ids, so that these are a few dozen for thousands of members."""
    with counting() as cost:
        path = await _group(many.scim, "bulk", many.ids)
    assert cost.statements < 40
    name = {"schemas": [GROUP], "displayName": "bulk"}
    for members in (many.ids[::2], many.ids[1::2], many.ids, []):
        with counting() as cost:
            answer = await many.scim.scim("PUT", path, {**name, "members": _values(members)}, status=200)
        assert sorted(each["value"] for each in answer.get("members", ())) == members
        assert cost.statements < 50
    await many.scim.scim("DELETE", path, status=204)


async def test_each_member_is_shown_as_the_library_shows_one(many: Many) -> None:
    whole = await many.scim.scim("GET", many.large, status=200)
    one = whole["members"][0]
    base = str(many.scim.http.make_url("/scim/v2/Users/"))
    assert one == {"value": one["value"], "$ref": base + one["value"], "type": "User"}
    for query, names in (
        ("attributes=members.value", {"value"}),
        ("attributes=members.type", {"type"}),
        ("excludedAttributes=members.$ref", {"value", "type"}),
        ("attributes=members", {"value", "$ref", "type"}),
    ):
        answer = await many.scim.scim("GET", f"{many.large}?{query}", status=200)
        assert len(answer["members"]) == len(whole["members"])
        assert {frozenset(each) for each in answer["members"]} == {frozenset(names)}, query


async def test_a_page_of_groups_is_bounded_by_their_members(
    many: Many, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scim_storage, "MOST_MEMBERS", 100)
    found: dict[str, int] = {}
    start = 1
    while True:
        page = await many.scim.scim("GET", f"Groups?startIndex={start}&count=50", status=200)
        if not page["Resources"]:
            break
        assert page["itemsPerPage"] == len(page["Resources"])
        found |= {each["id"]: len(each.get("members", ())) for each in page["Resources"]}
        start += page["itemsPerPage"]
    assert len(found) == page["totalResults"]
    assert max(found.values()) > 2_000


async def test_a_large_body_is_refused_unless_it_is_members(many: Many) -> None:
    mails = [{"value": f"m{number}@okta.example"} for number in range(6_000)]
    body = {"schemas": [USER], "userName": "large", "emails": mails}
    await many.scim.scim("POST", "Users", body, status=413)
    await many.scim.scim("POST", "Groups", {"schemas": [GROUP], "displayName": "x" * 200_000}, status=413)


async def test_the_store_reads_a_page_by_an_index(tmp_path: Path) -> None:
    """Without the index every page would sort all users."""
    plans: list[str] = []
    async with scim_server(tmp_path) as scim:
        await _add_users(scim, 0, 300)
        work = scim.server.services.administration.provisioning._store

        def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            if "scim_resources.name_key" in statement and "LIMIT" in statement:
                _cursor.execute("EXPLAIN QUERY PLAN " + statement, parameters)
                plans.extend(str(row) for row in _cursor.fetchall())

        event.listen(Engine, "before_cursor_execute", note)
        try:
            async with work.read() as reading:
                issuer = await reading.issuers.by_name("okta")
                assert issuer is not None
                page = await reading.scim.window(issuer.issuer_id, ScimKind.USER, start=200, limit=50)
        finally:
            event.remove(Engine, "before_cursor_execute", note)
    assert len(page) == 50
    assert plans
    assert not any("TEMP B-TREE" in plan for plan in plans)
