"""SCIM: a change of members, in whichever form it is asked for, is made exactly or refused, and never dropped."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.services.administration.described_members import MemberChanges
from ambassador_server.web.admin.scim import endpoint
from tests.effort import examples
from tests.server.web.scim_server import GROUP, PATCH, ScimServer, scim_server

pytestmark = pytest.mark.asyncio(loop_scope="module")
ERROR = ["urn:ietf:params:scim:api:messages:2.0:Error"]


@dataclass
class Team:
    """A server with a few users and a group."""

    scim: ScimServer
    ids: list[str]
    group_id: str

    async def make(self, members: set[str]) -> None:
        """Make these users the members."""
        body = {"schemas": [GROUP], "displayName": "team", "members": [{"value": each} for each in members]}
        await self.scim.scim("PUT", f"Groups/{self.group_id}", body, status=200)

    async def members(self) -> set[str]:
        """Return who the members are."""
        shown = await self.scim.scim("GET", f"Groups/{self.group_id}", status=200)
        return {each["value"] for each in shown.get("members", ())}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Team]:
    async with scim_server(tmp_path_factory.mktemp("scim")) as scim:
        ids = [(await scim.user(name))["id"] for name in ("ann", "bob", "cyd")]
        group = await scim.scim("POST", "Groups", {"schemas": [GROUP], "displayName": "team"}, status=201)
        yield Team(scim, ids, group["id"])


def _patch(*operations: Any) -> dict[str, Any]:
    return {"schemas": [PATCH], "Operations": list(operations)}


PLACES = ["Groups/{}", "/Groups/{}", "Groups/{}/", "groups/{}", "//GROUPS/{}//"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_each_path_of_a_group_changes_its_members(team: Team, place: str, method: str) -> None:
    await team.make(set(team.ids))
    if method == "PATCH":
        body = _patch({"op": "remove", "path": f'members[value eq "{team.ids[0]}"]'})
    else:
        left = [{"value": each} for each in team.ids[1:]]
        body = {"schemas": [GROUP], "displayName": "team", "members": left}
    await team.scim.scim(method, place.format(team.group_id), body, status=204 if method == "PATCH" else 200)
    assert await team.members() == set(team.ids[1:])


async def test_another_path_is_not_found(team: Team) -> None:
    await team.make(set(team.ids))
    body = _patch({"op": "remove", "path": "members"})
    for place in (f"Groups//{team.group_id}", f"Groups/{team.group_id}/x", f"x/Groups/{team.group_id}"):
        await team.scim.scim("PATCH", place, body, status=404)
    await team.scim.scim("PATCH", f"Group/{team.group_id}", body, status=404)
    await team.scim.scim("PUT", "Groups/.search", {"schemas": [GROUP], "displayName": "x"}, status=404)
    assert await team.members() == set(team.ids)


@pytest.mark.parametrize("place", ["Groups", "Groups/", "/groups/"])
async def test_a_group_is_created_with_its_members(team: Team, place: str) -> None:
    body = {"schemas": [GROUP], "displayName": "created", "Members": [{"value": team.ids[0]}]}
    created = await team.scim.scim("POST", place, body, status=201)
    assert [each["value"] for each in created["members"]] == team.ids[:1]
    await team.scim.scim("DELETE", f"Groups/{created['id']}", status=204)


names = st.sampled_from(["members", "Members", "MEMBERS", f"{GROUP}:members", f"{GROUP.upper()}:Members"])
wholes = st.sampled_from([None, "", GROUP, GROUP.upper(), GROUP.casefold()])
odd_paths = st.sampled_from(
    [" ", f" {GROUP}", f"{GROUP}:", " members", "members ", "members.value", "members[]"]
)
ways = st.sampled_from(["add", "Add", "replace", "Replace"])


@st.composite
def forms(draw: st.DrawFn) -> tuple[str, Any]:
    """Return what is done, and an operation in which the value of the members is `LIST`."""
    how, name = draw(ways), draw(names)
    key = draw(st.sampled_from(["path", "Path"]))
    if draw(st.booleans()):
        return how.lower(), {"op": how, key: name, "value": "LIST"}
    value: Any = {name: "LIST"}
    if draw(st.booleans()):
        value |= {"displayName": "team"}
    for whole in draw(st.lists(wholes.filter(lambda each: each is not None), max_size=2)):
        value = {whole: value}
    path = draw(wholes | odd_paths)
    return how.lower(), {"op": how, "value": value} | ({} if path is None else {key: path})


def _with(part: Any, members: Any) -> Any:
    if isinstance(part, dict):
        return {key: _with(inner, members) for key, inner in part.items()}
    return members if part == "LIST" else part


@examples(60)
@given(form=forms(), before=st.sets(st.integers(0, 2)), named=st.lists(st.integers(0, 2), max_size=3))
async def test_a_change_in_any_form_is_made_or_refused(
    team: Team, form: tuple[str, Any], before: set[int], named: list[int]
) -> None:
    inside, ids = {team.ids[each] for each in before}, [team.ids[each] for each in named]
    await team.make(inside)
    how, operation = form
    body = _patch(_with(operation, [{"value": each} for each in ids]))
    answer = await team.scim.scim("PATCH", f"Groups/{team.group_id}", body)
    if answer is not None:
        assert (answer["schemas"], answer["status"]) == (ERROR, "400"), answer
        path = operation.get("path", operation.get("Path"))
        assert path is not None, (operation, answer)
        assert path.casefold() not in {"", GROUP.casefold()}, (operation, answer)
    wanted = inside if answer is not None else inside | set(ids) if how == "add" else set(ids)
    assert await team.members() == wanted


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": GROUP, "value": {"members": []}},
        {"op": "replace", "path": "", "value": {"members": None}},
        {"op": "replace", "value": {GROUP: {"MEMBERS": []}}},
        {"op": "Remove", "path": f"{GROUP.upper()}:MEMBERS"},
    ],
)
async def test_all_members_leave(team: Team, operation: dict[str, Any]) -> None:
    await team.make(set(team.ids))
    await team.scim.scim("PATCH", f"Groups/{team.group_id}", _patch(operation), status=204)
    assert await team.members() == set()


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": GROUP},
        {"op": "remove", "path": ""},
        {"op": "replace", "value": {GROUP: None}},
        {"op": "replace", "path": GROUP, "value": None},
        {"op": "replace", "value": {"members": [], "Members": []}},
        {"op": "replace", "value": {"members": [], GROUP: {"members": []}}},
        {"op": "replace", "value": {"urn:example:other": {"members": []}}},
        {"op": "replace", "path": "members", "value": {}},
        {"op": "replace", "path": "members", "value": ""},
        {"op": "replace", "path": "members", "value": False},
    ],
)
async def test_what_is_ambiguous_is_refused(team: Team, operation: dict[str, Any]) -> None:
    await team.make(set(team.ids))
    await team.scim.scim("PATCH", f"Groups/{team.group_id}", _patch(operation), status=400)
    both = {**_patch(operation), "operations": []}
    await team.scim.scim("PATCH", f"Groups/{team.group_id}", both, status=400)
    assert await team.members() == set(team.ids)


@pytest.mark.parametrize("how", ["PUT", "POST"])
@pytest.mark.parametrize("place", [{GROUP: {"members": []}}, {"urn:example:other": {"members": []}}])
async def test_members_in_a_part_of_a_group_are_read_or_refused(team: Team, how: str, place: Any) -> None:
    await team.make(set(team.ids))
    body = {"schemas": [GROUP], "displayName": "parts", **place}
    answer = await team.scim.scim(how, "Groups" if how == "POST" else f"Groups/{team.group_id}", body)
    if answer["schemas"] == ERROR:
        assert answer["status"] == "400"
        assert await team.members() == set(team.ids)
    else:
        assert answer.get("members", []) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["value", "Value", "type", "$ref", "display", "members"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@examples(80)
@given(how=st.sampled_from(["add", "replace", "remove"]), value=json_values, inside=st.booleans())
async def test_no_value_of_members_is_an_internal_error(
    team: Team, how: str, value: Any, inside: bool
) -> None:
    await team.make(set(team.ids))
    operation = (
        {"op": how, "value": {"members": value}} if inside else {"op": how, "path": "members", "value": value}
    )
    answer = await team.scim.scim("PATCH", f"Groups/{team.group_id}", _patch(operation))
    if answer is not None:
        assert (answer["schemas"], answer["status"]) == (ERROR, "400"), answer
        assert await team.members() == set(team.ids)
        return
    # No value names a user: one who is no member may be removed, and the others are an empty list, or null.
    assert how == "remove" or value in (None, []), value
    everyone_leaves = how == "replace" or (how == "remove" and value is None)
    assert await team.members() == (set() if everyone_leaves else set(team.ids))


@pytest.mark.parametrize("value", [5, True, "x", [5], [None], [{"value": {}}], [{"value": [1]}], [[]]])
async def test_wrong_members_are_a_bad_request(team: Team, value: Any) -> None:
    await team.make(set(team.ids))
    for how in ("add", "replace", "remove"):
        operation = {"op": how, "path": "members", "value": value}
        await team.scim.scim("PATCH", f"Groups/{team.group_id}", _patch(operation), status=400)
    body = {"schemas": [GROUP], "displayName": "team", "members": value}
    await team.scim.scim("PUT", f"Groups/{team.group_id}", body, status=400)
    assert await team.members() == set(team.ids)


async def test_the_storage_refuses_members_that_reach_it(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """A form that is not taken out of a body may not be dropped in silence, either."""
    await team.make(set(team.ids))
    for operation in (endpoint.Operation.replace, endpoint.Operation.create):
        monkeypatch.setitem(endpoint._READ_MEMBERS, operation, lambda body: (MemberChanges(), body))
    for members in ([{"value": team.ids[0]}], []):
        body = {"schemas": [GROUP], "displayName": "reached", "members": members}
        for method, place in (("POST", "Groups"), ("PUT", f"Groups/{team.group_id}")):
            answer = await team.scim.scim(method, place, body, status=400)
            assert answer["scimType"] == "invalidValue"
    assert await team.members() == set(team.ids)
