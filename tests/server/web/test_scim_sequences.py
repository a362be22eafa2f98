"""Sequences of SCIM requests do what a small model does; wrong ones are errors of SCIM, and nothing is taken over."""

from collections.abc import AsyncIterator
from itertools import count
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from tests.effort import examples
from tests.server.web.scim_model import LOCAL, Request, ScimModel
from tests.server.web.scim_server import GROUP, PATCH, USER, ScimServer, scim_server

pytestmark = pytest.mark.asyncio(loop_scope="module")
_run = count()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def scim(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ScimServer]:
    async with scim_server(tmp_path_factory.mktemp("scim")) as running:
        yield running


slots = st.integers(0, 5)
names = st.sampled_from(["ann", "bob", "cyd", LOCAL])
group_names = st.sampled_from(["red", "blue team", "blue-team", LOCAL])
external_ids = st.sampled_from([None, "e1", "e2", "e3"])
actives = st.sampled_from([None, True, False])
members = st.lists(slots, max_size=4)
member_changes = st.sampled_from(
    ["add", "Add", "add without a path", "replace", "remove a list", "remove all", "remove each"]
)
attributes = st.one_of(
    st.tuples(st.just("active"), st.sampled_from([True, False, None])),
    st.tuples(st.just("userName"), names),
    st.tuples(st.just("externalId"), external_ids),
    st.tuples(st.just("displayName"), st.sampled_from([None, "Some Name"])),
)
steps = st.one_of(
    st.tuples(st.just("create_user"), names, external_ids, actives),
    st.tuples(st.just("create_user"), names, external_ids, actives),
    st.tuples(st.just("put_user"), slots, names, external_ids, actives),
    st.builds(
        lambda slot, pair, how: ("patch_user", slot, *pair, how),
        slots,
        attributes,
        st.sampled_from(["add", "replace", "remove"]),
    ),
    st.tuples(st.just("delete_user"), slots),
    st.tuples(st.just("create_group"), group_names, members),
    st.tuples(st.just("put_group"), slots, group_names, st.none() | members),
    st.tuples(
        st.just("patch_group"), slots, st.lists(st.tuples(member_changes, members), min_size=1, max_size=3)
    ),
    st.tuples(st.just("delete_group"), slots),
)


async def _send(scim: ScimServer, model: ScimModel, step: tuple[Any, ...]) -> None:
    kind, *arguments = step
    request: Request = getattr(model, kind)(*arguments)
    answer = await scim.scim(request.method, request.path, request.body, status=request.status)
    if request.status >= 400:
        assert answer["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    elif kind == "create_user":
        assert request.known_id in {None, answer["id"]}
        model.user_created(answer["id"], request.body)
    elif kind == "create_group":
        model.group_created(answer["id"], request.body)


async def _state(scim: ScimServer, mark: str) -> tuple[dict[str, Any], dict[str, Any]]:
    users = await scim.scim("GET", "Users", status=200)
    groups = await scim.scim("GET", "Groups", status=200)
    return {
        each["id"]: (each["userName"], each.get("externalId"), each.get("displayName"), each["active"])
        for each in users["Resources"]
        if each["userName"].startswith(mark)
    }, {
        each["id"]: (each["displayName"], {member["value"] for member in each.get("members", ())})
        for each in groups["Resources"]
        if each["displayName"].startswith(mark)
    }


def _expected(model: ScimModel) -> tuple[dict[str, Any], dict[str, Any]]:
    return {
        user_id: (user.name, user.external_id, user.display_name, user.active)
        for user_id, user in model.users.items()
    }, {group_id: (group.name, group.members) for group_id, group in model.groups.items()}


@examples(12)
@given(sequence=st.lists(steps, min_size=4, max_size=14))
async def test_sequences_do_what_the_model_does(scim: ScimServer, sequence: list[tuple[Any, ...]]) -> None:
    mark = f"run{next(_run)}."
    model = ScimModel(lambda name: f"{mark}{name}")
    local_user = await scim.ask("POST", "users", {"name": f"{mark}{LOCAL}"}, status=201)
    local_group = await scim.ask("POST", "groups", {"name": f"okta.{mark}{LOCAL}"}, status=201)
    for step in sequence:
        await _send(scim, model, step)
    assert await _state(scim, mark) == _expected(model)
    assert await scim.ask("GET", f"users/{mark}{LOCAL}") == local_user
    assert await scim.ask("GET", f"groups/okta.{mark}{LOCAL}") == local_group
    for user in model.users.values():
        shown = await scim.ask("GET", f"users/{user.name}")
        assert (shown["status"] == "active", shown["subject"]) == (user.active, user.external_id)
    for name in model.gone:
        shown = await scim.ask("GET", f"users/{name}")
        assert (shown["status"], shown["groups"]) == ("deactivated", [])
    for group_id in model.groups:
        await scim.scim("DELETE", f"Groups/{group_id}", status=204)
    for user_id in model.users:
        await scim.scim("DELETE", f"Users/{user_id}", status=204)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["value", "op", "path", "members", "schemas", "Value", "$ref", "display", "active"]
            )
            | st.text(max_size=5),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
PIECES = (
    "members emails value userName type name.givenName urn:x: [ ] ( ) eq pr and or not . 1 true co "
    f'"a" " \\u0000 {USER}: {GROUP}:'
)
pieces = st.sampled_from([*PIECES.split(" "), " eq ", " pr", " and ", " or ", "not ", " co "])
expressions = st.lists(pieces | st.text(max_size=3), max_size=9).map("".join)
operations = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "Replace", "remove", "move", 7])},
    optional={"path": expressions | json_values, "value": json_values},
)
hostile = st.one_of(
    st.tuples(st.just("GET"), expressions.map(lambda text: f"?filter={quote(text)}"), st.none()),
    st.tuples(st.just("GET"), expressions.map(lambda text: f"?attributes={quote(text)}"), st.none()),
    st.tuples(st.just("GET"), expressions.map(lambda text: f"/{quote(text, safe='')}"), st.none()),
    st.tuples(
        st.just("GET"), st.text(max_size=6).map(lambda text: f"?count={quote(text)}&startIndex=x"), st.none()
    ),
    st.tuples(st.just("POST"), st.just(""), json_values),
    st.tuples(st.just("POST"), st.just("/.search"), json_values),
    st.tuples(st.just("PUT"), st.just("/ID"), json_values),
    st.tuples(
        st.just("PATCH"),
        st.just("/ID"),
        st.builds(lambda each: {"schemas": [PATCH], "Operations": each}, st.lists(operations, max_size=3)),
    ),
)


@examples(100)
@given(kind=st.sampled_from(["Users", "Groups"]), request=hostile)
async def test_hostile_requests_are_answered_or_refused_in_the_words_of_scim(
    scim: ScimServer, kind: str, request: tuple[str, str, Any]
) -> None:
    """No request, however odd, is an internal error; what is refused has changed nothing."""
    name = {"Users": "userName", "Groups": "displayName"}[kind]
    found = await scim.scim("GET", f'{kind}?filter={name} eq "target"', status=200)
    schema = {"Users": USER, "Groups": GROUP}[kind]
    target = (
        found["Resources"]
        or [await scim.scim("POST", kind, {"schemas": [schema], name: "target"}, status=201)]
    )[0]
    method, path, body = request
    before = await scim.scim("GET", f"{kind}/{target['id']}", status=200)
    answer = await scim.scim(method, f"{kind}{path.replace('/ID', '/' + target['id'])}", body)
    if answer is not None and "status" in answer:
        assert answer["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
        assert 400 <= int(answer["status"]) < 500, answer
        assert await scim.scim("GET", f"{kind}/{target['id']}", status=200) == before
    elif method == "PATCH":
        await scim.scim("PUT", f"{kind}/{target['id']}", {"schemas": [schema], name: "target"}, status=200)
