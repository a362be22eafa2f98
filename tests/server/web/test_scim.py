"""SCIM of the admin API: what identity providers send, what ends with a user, and who may use it."""

import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from ambassador_server.domain.people.principals import PresentedToken, Principal
from ambassador_server.domain.people.token_claims import TokenFault
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.services.sign_in.token_reading import TokenReading
from tests.server.web.scim_server import GROUP, USER, ScimServer, scim_server

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def scim(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ScimServer]:
    async with scim_server(tmp_path_factory.mktemp("scim")) as running:
        yield running


async def group(scim: ScimServer, name: str, *members: str, **more: Any) -> Any:
    listed = [{"value": each} for each in members]
    return await scim.scim(
        "POST", "Groups", {"schemas": [GROUP], "displayName": name, "members": listed, **more}, status=201
    )


def members_of(resource: Any) -> set[str]:
    return {each["value"] for each in resource.get("members", ())}


async def test_okta_creates_reads_replaces_and_deactivates(scim: ScimServer) -> None:
    """Okta probes, creates, PUTs the whole user, and PATCHes without a path."""
    none = await scim.scim(
        "GET", 'Users?filter=userName eq "ola@okta.example"&startIndex=1&count=100', status=200
    )
    assert none["totalResults"] == 0
    created = await scim.user(
        "ola@okta.example",
        externalId="00u-ola",
        name={"givenName": "Ola", "familyName": "Nord"},
        emails=[{"primary": True, "value": "ola@okta.example", "type": "work"}],
        displayName="Ola Nord",
        locale="en-US",
        groups=[],
        password="not kept anywhere",
        active=True,
    )
    path = f"Users/{created['id']}"
    two = await scim.scim("GET", "Users?startIndex=1&count=2", status=200)
    assert (two["startIndex"], two["itemsPerPage"] <= 2) == (1, True)
    whole = {key: value for key, value in created.items() if key != "active"}
    replaced = await scim.scim("PUT", path, {**whole, "displayName": "Ola N."}, status=200)
    assert replaced["active"] is True
    shown = await scim.ask("GET", "users/ola@okta.example")
    assert (shown["status"], shown["display_name"], shown["described_by"]) == ("active", "Ola N.", "okta")
    await scim.patch(path, {"op": "replace", "value": {"active": False}}, status=204)
    assert (await scim.ask("GET", "users/ola@okta.example"))["status"] == "deactivated"
    await scim.scim("PUT", path, whole, status=200)
    assert (await scim.ask("GET", "users/ola@okta.example"))["status"] == "deactivated"
    await scim.patch(path, {"op": "replace", "value": {"active": True}}, status=204)
    assert (await scim.ask("GET", "users/ola@okta.example"))["status"] == "active"
    assert "not kept anywhere" not in json.dumps(await scim.scim("GET", path))


async def test_okta_renames_a_group_and_replaces_its_members(scim: ScimServer) -> None:
    first, second = [(await scim.user(f"member{number}@okta.example"))["id"] for number in range(2)]
    made = await group(scim, "Field Sales", first)
    path = f"Groups/{made['id']}"
    renamed = await scim.patch(
        path, {"op": "replace", "value": {"id": made["id"], "displayName": "Sales EU"}}
    )
    assert renamed["displayName"] == "Sales EU"
    replaced = await scim.patch(path, {"op": "replace", "path": "members", "value": [{"value": second}]})
    assert members_of(replaced) == {second}
    named = [{"value": first, "display": "member0@okta.example"}]
    both = await scim.patch(path, {"op": "add", "path": "members", "value": named}, status=204)
    assert members_of(both) == {first, second}
    removal = {"op": "remove", "path": f'members[value eq "{first}"]'}
    assert members_of(await scim.patch(path, removal, status=204)) == {second}
    shown = await scim.ask("GET", "groups/okta.Sales-EU")
    assert (shown["members"], shown["described_by"]) == (["member1@okta.example"], "okta")


async def test_entra_creates_in_two_steps_and_patches_its_way(scim: ScimServer) -> None:
    """Entra writes operations with capitals, booleans as texts, and values into elements that are not there."""
    created = await scim.user("erin@entra.example", externalId="erin", displayName="Erin")
    path = f"Users/{created['id']}"
    patched = await scim.patch(
        path,
        {"op": "Add", "path": 'emails[type eq "work"].value', "value": "erin@entra.example"},
        {"op": "Add", "path": "name.givenName", "value": "Erin"},
        {
            "op": "Add",
            "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            "value": "Tools",
        },
        {"op": "Replace", "path": "displayName", "value": "Erin E."},
        status=204,
    )
    assert patched["emails"] == [{"type": "work", "value": "erin@entra.example"}]
    assert (await scim.ask("GET", "users/erin@entra.example"))["email"] == "erin@entra.example"
    patched = await scim.patch(
        path,
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "e@entra.example"},
        status=204,
    )
    assert [each["value"] for each in patched["emails"]] == ["e@entra.example"]
    await scim.patch(path, {"op": "Replace", "path": "active", "value": "False"}, status=204)
    assert (await scim.ask("GET", "users/erin@entra.example"))["status"] == "deactivated"
    await scim.patch(path, {"op": "Replace", "path": "active", "value": "True"}, status=204)


async def test_entra_adds_and_removes_members(scim: ScimServer) -> None:
    ids = [(await scim.user(f"entra{number}@entra.example"))["id"] for number in range(3)]
    path = f"Groups/{(await group(scim, 'entra team'))['id']}"
    added = [{"$ref": None, "value": each} for each in ids]
    assert members_of(await scim.patch(path, {"op": "Add", "path": "members", "value": added})) == {*ids}
    one = await scim.patch(
        path, {"op": "Remove", "path": "members", "value": [{"value": ids[0]}]}, status=204
    )
    assert members_of(one) == {*ids[1:]}
    two = await scim.patch(path, {"op": "Remove", "path": f'members[value eq "{ids[1]}"]'}, status=204)
    assert members_of(two) == {ids[2]}
    short = await scim.scim("GET", f"{path}?excludedAttributes=members", status=200)
    assert "members" not in short
    found = await scim.scim("GET", f'Groups?filter=members eq "{ids[2]}"', status=200)
    assert found["totalResults"] == 1


@pytest.mark.parametrize("how", ["active", "delete"])
async def test_everything_a_user_holds_ends_with_the_user(scim: ScimServer, how: str) -> None:
    name = f"leaver-{how}@okta.example"
    created = await scim.user(name, externalId=name)
    path, team = f"Users/{created['id']}", await group(scim, f"team {how}", created["id"])
    await scim.ask("PATCH", f"users/{name}", {"roles": ["operator"]})
    issued = await scim.ask("POST", "keys", {"user": name, "name": "laptop"}, status=201)
    await scim.ask("POST", "enrolments", {"user": name, "name": "desk"}, status=201)
    if how == "active":
        await scim.patch(path, {"op": "replace", "path": "active", "value": False}, status=204)
    else:
        await scim.scim("DELETE", path, status=204)
        await scim.scim("GET", path, status=404)
    shown = await scim.ask("GET", f"users/{name}")
    assert (shown["status"], shown["roles"]) == ("deactivated", [])
    (key,) = (await scim.ask("GET", f"keys?filter=user={name}"))["items"]
    assert (key["id"], key["status"]) == (issued["key"]["id"], "revoked")
    assert (await scim.ask("GET", f"enrolments?filter=user={name}"))["items"] == []
    if how == "active":
        await scim.patch(path, {"op": "replace", "path": "active", "value": True}, status=204)
    else:
        again = await scim.user(name, externalId=name)
        assert again["id"] == created["id"]
        assert members_of(await scim.scim("GET", f"Groups/{team['id']}")) == set()
    shown = await scim.ask("GET", f"users/{name}")
    assert (shown["status"], shown["roles"]) == ("active", [])
    assert [each["status"] for each in (await scim.ask("GET", f"keys?filter=user={name}"))["items"]] == [
        "revoked"
    ]


async def test_an_administrators_stop_outlasts_scim(scim: ScimServer) -> None:
    created = await scim.user("held@okta.example", externalId="held")
    path, user = f"Users/{created['id']}", "users/held@okta.example"
    await scim.ask("PATCH", user, {"status": "suspended"})
    for active in (True, False, True):
        await scim.patch(path, {"op": "replace", "path": "active", "value": active})
        assert (await scim.ask("GET", user))["status"] != "active"
    await scim.ask("PATCH", user, {"status": "active"})
    await scim.patch(path, {"op": "replace", "path": "active", "value": False}, status=204)
    await scim.ask("PATCH", user, {"status": "active"}, status=409)
    for described in (
        {"display_name": "Other"},
        {"email": "x@y.example"},
        {"source": "local"},
        {"subject": ""},
    ):
        await scim.ask("PATCH", user, described, status=409)


async def test_accounts_and_groups_of_others_are_never_taken_over(scim: ScimServer) -> None:
    await scim.ask("POST", "users", {"name": "local@acme.example", "email": "mail@acme.example"}, status=201)
    await scim.ask("POST", "groups", {"name": "okta.admins"}, status=201)
    other = {"schemas": [USER], "userName": "theirs@entra.example", "externalId": "e1"}
    theirs = await scim.scim("POST", "Users", other, key=scim.other, status=201)
    for body in (
        {"userName": "local@acme.example"},
        {"userName": "LOCAL@acme.example"},
        {"userName": "new@acme.example", "emails": [{"value": "Mail@acme.example"}]},
        {"userName": "theirs@entra.example", "externalId": "e1"},
    ):
        refused = await scim.scim("POST", "Users", {"schemas": [USER], **body}, status=409)
        assert refused["scimType"] == "uniqueness"
    await scim.scim("POST", "Groups", {"schemas": [GROUP], "displayName": "admins"}, status=409)
    for method in ("GET", "DELETE"):
        await scim.scim(method, f"Users/{theirs['id']}", status=404)
    body = {"schemas": [GROUP], "displayName": "foreign", "members": [{"value": theirs["id"]}]}
    await scim.scim("POST", "Groups", body, status=400)
    assert all(each["name"] != "okta.foreign" for each in (await scim.ask("GET", "groups"))["items"])


async def test_administrators_do_not_edit_described_groups(scim: ScimServer) -> None:
    created = await scim.user("fixed@okta.example")
    await group(scim, "fixed", created["id"])
    await scim.ask("POST", "users", {"name": "outsider"}, status=201)
    await scim.ask("PUT", "groups/okta.fixed/members/outsider", {}, status=409)
    await scim.ask("DELETE", "groups/okta.fixed/members/fixed@okta.example", status=409)
    await scim.ask("DELETE", "groups/okta.fixed", status=409)


HOSTILE = [
    "(" * 900 + 'userName eq "a"' + ")" * 900,
    'userName eq "a"' + ' or userName eq "a"' * 90,
    "not (" * 200 + 'userName eq "a"' + ")" * 200,
    'userName eq "' + "a" * 5_000 + '"',
    'userName co "' + "a" * 900 + '"',
    'userName eq "a\'; DROP TABLE users; --"',
    'userName eq "\\u0000"',
    'password eq "x"',
    'nonsense.attribute eq "x"',
    "userName eq",
    'userName sw "%"',
    'emails[type eq "odd" and (value co "x" or value pr)]',
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_filters_are_answered_or_refused(scim: ScimServer, text: str) -> None:
    """A filter that is too long for an URL comes in the body of a search."""
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": text}
    answer = await scim.scim("POST", "Users/.search", body)
    assert answer.get("status") == "400" or answer["totalResults"] == 0


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "nonsense", "value": 1},
        {"op": "replace", "path": "emails[type eq", "value": 1},
        {"op": "replace", "path": "id", "value": "other"},
        {"op": "replace", "path": "meta.created", "value": "2020-01-01T00:00:00Z"},
        {"op": "move", "path": "displayName", "value": "x"},
        {"op": "remove"},
        {"op": "remove", "path": "userName"},
        {"op": "replace", "path": "userName", "value": "a b\n"},
        {"op": "replace", "path": "displayName", "value": "x" * 100_000},
        {"op": "replace", "path": "groups", "value": []},
        {"op": "replace", "path": "active", "value": "perhaps"},
    ],
    ids=lambda operation: f"{operation['op']} {operation.get('path')}",
)
async def test_wrong_changes_are_refused_and_change_nothing(
    scim: ScimServer, operation: dict[str, Any]
) -> None:
    found = await scim.scim("GET", 'Users?filter=userName eq "patched@okta.example"')
    (before,) = found["Resources"] or [await scim.user("patched@okta.example")]
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]}
    refused = await scim.scim("PATCH", f"Users/{before['id']}", body, status=400)
    assert refused["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert await scim.scim("GET", f"Users/{before['id']}") == before


async def test_entity_tags_guard_changes(scim: ScimServer) -> None:
    created = await scim.user("tagged@okta.example")
    path, tag = f"Users/{created['id']}", created["meta"]["version"]
    body = {"schemas": [USER], "userName": "tagged@okta.example", "displayName": "New"}
    await scim.scim("PUT", path, body, headers={"If-Match": tag}, status=200)
    await scim.scim("PUT", path, body, headers={"If-Match": tag}, status=412)
    await scim.scim("DELETE", path, headers={"If-Match": tag}, status=412)


async def test_bodies_are_bounded(scim: ScimServer) -> None:
    headers = {"Content-Type": "application/scim+json"}
    for data in (b"{", b"[" * 10_000, io.BytesIO(b" " * 3_000_000), b"\xff"):
        refused = await scim.scim("POST", "Users", data=data, headers=headers)
        assert int(refused["status"]) in {400, 413}


async def test_a_key_is_for_scim_alone_and_nothing_else_is(scim: ScimServer) -> None:
    for key in ("", scim.admin, "amb_ak_" + "A" * 48):
        refused = await scim.scim("GET", "Users", key=key)
        assert refused["status"] == ("403" if key == scim.admin else "401")
    await scim.ask("POST", "admin-keys", {"name": "none", "roles": ["scim"]}, status=400)
    await scim.ask(
        "POST", "admin-keys", {"name": "both", "roles": ["scim", "admin"], "issuer": "okta"}, status=400
    )
    await scim.ask("POST", "admin-keys", {"name": "odd", "roles": ["operator"], "issuer": "okta"}, status=400)
    await scim.ask("POST", "users", {"name": "scimmer", "roles": ["scim"]}, status=400)
    body = {"name": "second", "roles": ["scim"], "issuer": "okta"}
    issued = await scim.ask("POST", "admin-keys", body, status=201)
    assert issued["key"]["issuer"] == "okta"
    await scim.scim("GET", "Users", key=issued["admin_key"], status=200)
    await scim.ask("POST", "admin-keys/second/revoke")
    await scim.scim("GET", "Users", key=issued["admin_key"], status=401)


async def test_tokens_do_not_add_groups_to_a_described_user(scim: ScimServer) -> None:
    created = await scim.user("claims@okta.example")
    await scim.ask("POST", "groups", {"name": "okta.claimed"}, status=201)
    await scim.ask("POST", "users", {"name": "plain@okta.example", "source": "external"}, status=201)
    snapshot = scim.server.services.administration.access._policy.snapshot
    (issuer,) = [each for each in snapshot.issuers.by_id.values() if each.name == "okta"]
    users = {user.name: user for user in snapshot.users.values()}

    def groups(name: str) -> tuple[str, ...]:
        user = users[name]
        token = PresentedToken(issuer_id=issuer.issuer_id, expires_at=user.created_at, groups=("claimed",))
        who = Principal(
            user_id=user.user_id, user_name=name, key_id="k", key_name="k", session_id=None, token=token
        )
        return snapshot.group_ids_for(who)

    assert len(groups("plain@okta.example")) == 1
    assert groups("claims@okta.example") == ()
    assert users["claims@okta.example"].user_id == created["id"]
    assert users["claims@okta.example"].status is UserStatus.ACTIVE


async def test_a_removed_issuer_leaves_ordinary_users(tmp_path: Path) -> None:
    async with scim_server(tmp_path) as scim:
        await scim.user("stays@okta.example")
        await group(scim, "stays")
        await scim.ask("DELETE", "issuers/okta", status=204)
        await scim.scim("GET", "Users", status=401)
        assert (await scim.ask("GET", "users/stays@okta.example"))["described_by"] is None
        await scim.ask("DELETE", "groups/okta.stays", status=204)


async def test_removing_who_is_no_member_changes_nothing(scim: ScimServer) -> None:
    inside, outside = [(await scim.user(f"{each}@okta.example"))["id"] for each in ("inside", "outside")]
    path = f"Groups/{(await group(scim, 'idempotent', inside))['id']}"
    for operation in (
        {"op": "Remove", "path": "members", "value": [{"value": outside}]},
        {"op": "remove", "path": f'members[value eq "{outside}"]'},
    ):
        assert members_of(await scim.patch(path, operation, status=204)) == {inside}


def _token_user(scim: ScimServer, subject: str) -> Any:
    """Return the user as whom a token of the issuer with this subject acts."""
    policy = scim.server.services.administration.access._policy
    (issuer,) = [each for each in policy.snapshot.issuers.by_id.values() if each.name == "okta"]
    reading = TokenReading(policy=policy, verifier=None, clock=None)  # type: ignore[arg-type]
    identity = SimpleNamespace(subject=subject, user_name="nobody@okta.example")
    return reading.user_of(issuer, identity)  # type: ignore[arg-type]


async def test_a_person_has_one_account_for_tokens(scim: ScimServer) -> None:
    """An account that was created for the tokens of a person would outlast the one that SCIM deactivates."""
    store = scim.server.services.administration.provisioning._store
    await scim.ask("POST", "users", {"name": "first-sight", "source": "external"}, status=201)
    async with store.write() as work:
        issuer, user = await work.issuers.by_name("okta"), await work.users.by_name("first-sight")
        assert issuer is not None
        assert user is not None
        await work.users.replace(replace(user, issuer=issuer.url, subject="00u-seen"))
    body = {"schemas": [USER], "userName": "described@okta.example", "externalId": "00u-seen"}
    await scim.scim("POST", "Users", body, status=409)
    created = await scim.user("described@okta.example", externalId="00u-own")
    await scim.scim("PUT", f"Users/{created['id']}", body, status=409)
    seen = await scim.user("first-sight", externalId="00u-seen")
    assert seen["id"] == user.user_id


async def test_tokens_find_the_account_that_came_back_with_another_name(scim: ScimServer) -> None:
    for first, second in (("zoe", "amy"), ("ben", "yan")):
        subject = f"00u-{first}"
        before = await scim.user(f"{first}@okta.example", externalId=subject)
        assert _token_user(scim, subject).user_id == before["id"]
        await scim.scim("DELETE", f"Users/{before['id']}", status=204)
        assert _token_user(scim, subject) is TokenFault.USER_NOT_ACTIVE
        after = await scim.user(f"{second}@okta.example", externalId=subject)
        assert _token_user(scim, subject).user_id == after["id"]
