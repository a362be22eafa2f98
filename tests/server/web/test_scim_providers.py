"""SCIM: the requests of Entra and Okta in the shapes that they document, one after the other as they send them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.server.web.scim_server import GROUP, USER, ScimServer, scim_server

pytestmark = pytest.mark.asyncio(loop_scope="module")
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ENTRA_GROUP = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def scim(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ScimServer]:
    async with scim_server(tmp_path_factory.mktemp("scim")) as running:
        yield running


def _entra_user(name: str) -> dict[str, Any]:
    return {
        "schemas": [USER, ENTERPRISE],
        "externalId": f"0a21f0f2-{name}",
        "userName": f"{name}@entra.example",
        "active": True,
        "emails": [{"primary": True, "type": "work", "value": f"{name}@entra.example"}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": "givenName familyName", "familyName": "familyName", "givenName": "givenName"},
        "roles": [],
    }


async def test_entra_provisions_a_user(scim: ScimServer) -> None:
    none = await scim.scim("GET", 'Users?filter=userName eq "una@entra.example"', status=200)
    assert (none["totalResults"], none["Resources"]) == (0, [])
    created = await scim.scim("POST", "Users", _entra_user("una"), status=201)
    manager = await scim.scim("POST", "Users", _entra_user("boss"), status=201)
    path = f"Users/{created['id']}"
    assert (await scim.scim("GET", path, status=200))["name"]["familyName"] == "familyName"
    found = await scim.scim("GET", 'Users?filter=externalId eq "0a21f0f2-una"', status=200)
    assert found["totalResults"] == 1
    patched = await scim.patch(
        path,
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "updated@entra.example"},
        {"op": "Replace", "path": "name.familyName", "value": "updatedFamilyName"},
        status=204,
    )
    assert (patched["emails"][0]["value"], patched["name"]["familyName"]) == (
        "updated@entra.example",
        "updatedFamilyName",
    )
    patched = await scim.patch(
        path,
        {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": manager["id"]},
        {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "1"},
        {"op": "Add", "path": 'addresses[type eq "work"].formatted', "value": "Redmond"},
        {"op": "Add", "path": 'roles[primary eq "True"].value', "value": "Engineer"},
        status=204,
    )
    assert patched[ENTERPRISE]["manager"]["value"] == manager["id"]
    assert patched["roles"][0]["value"] == "Engineer"
    query = f'Users?filter=id eq "{created["id"]}" and manager eq "{manager["id"]}"&attributes=id'
    assert (await scim.scim("GET", query, status=200))["totalResults"] == 1
    renamed = await scim.patch(
        path, {"op": "Replace", "path": "userName", "value": "una2@entra.example"}, status=204
    )
    assert renamed["userName"] == "una2@entra.example"
    await scim.patch(path, {"op": "Replace", "path": "active", "value": False}, status=204)
    assert (await scim.ask("GET", "users/una2@entra.example"))["status"] == "deactivated"
    await scim.scim("DELETE", path, status=204)
    await scim.scim("GET", path, status=404)


async def test_entra_patches_without_paths_when_it_keeps_to_the_standard(scim: ScimServer) -> None:
    created = await scim.scim("POST", "Users", _entra_user("pia"), status=201)
    patched = await scim.patch(
        f"Users/{created['id']}",
        {
            "op": "replace",
            "value": {
                "displayName": "Pia",
                "name.givenName": "Pia",
                'emails[type eq "work"].value': "pia2@entra.example",
                'phoneNumbers[type eq "work"].value': "2",
                f"{ENTERPRISE}:department": "Tools",
            },
        },
        status=204,
    )
    assert (patched["displayName"], patched["name"]["givenName"]) == ("Pia", "Pia")
    assert patched["emails"][0]["value"] == "pia2@entra.example"
    assert patched["phoneNumbers"] == [{"type": "work", "value": "2"}]
    assert patched[ENTERPRISE]["department"] == "Tools"


async def test_entra_provisions_a_group(scim: ScimServer) -> None:
    user = await scim.scim("POST", "Users", _entra_user("max"), status=201)
    body = {
        "schemas": [GROUP, ENTRA_GROUP],
        "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
        "displayName": "displayName",
        "meta": {"resourceType": "Group"},
    }
    created = await scim.scim("POST", "Groups", body, status=201)
    path = f"Groups/{created['id']}"
    await scim.scim("GET", f"{path}?excludedAttributes=members", status=200)
    query = 'Groups?excludedAttributes=members&filter=displayName eq "displayName"'
    assert (await scim.scim("GET", query, status=200))["totalResults"] == 1
    await scim.patch(path, {"op": "Replace", "path": "displayName", "value": "updated"}, status=204)
    member = [{"$ref": None, "value": user["id"]}]
    added = await scim.patch(path, {"op": "Add", "path": "members", "value": member}, status=204)
    assert [each["value"] for each in added["members"]] == [user["id"]]
    asked = f'Groups?filter=id eq "{created["id"]}" and members eq "{user["id"]}"&attributes=id'
    assert (await scim.scim("GET", asked, status=200))["totalResults"] == 1
    removed = await scim.patch(path, {"op": "Remove", "path": "members", "value": member}, status=204)
    assert removed.get("members", []) == []
    await scim.scim("DELETE", path, status=204)


async def test_okta_imports_and_pushes_groups(scim: ScimServer) -> None:
    user = {
        "schemas": [USER],
        "userName": "test.user@okta.local",
        "name": {"givenName": "Test", "familyName": "User"},
        "emails": [{"primary": True, "value": "test.user@okta.local", "type": "work"}],
        "displayName": "Test User",
        "locale": "en-US",
        "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [],
        "password": "1mz050nq",
        "active": True,
    }
    created = await scim.scim("POST", "Users", user, status=201)
    other = await scim.user("other.user@okta.local", externalId="00uother")
    again = await scim.scim("POST", "Users", user, status=409)
    assert again["scimType"] == "uniqueness"
    group = {"schemas": [GROUP], "displayName": "Test SCIMv2", "members": []}
    pushed = await scim.scim("POST", "Groups", group, status=201)
    path = f"Groups/{pushed['id']}"
    page = await scim.scim("GET", "Groups?startIndex=1&count=100", status=200)
    assert pushed["id"] in {each["id"] for each in page["Resources"]}
    added = {
        "op": "add",
        "path": "members",
        "value": [{"value": each["id"], "display": each["userName"]} for each in (created, other)],
    }
    both = await scim.patch(path, added, status=204)
    assert len(both["members"]) == 2
    one = await scim.patch(
        path,
        {"op": "remove", "path": f'members[value eq "{other["id"]}"]'},
        {"op": "add", "path": "members", "value": [{"value": created["id"], "display": "test"}]},
        status=204,
    )
    assert [each["value"] for each in one["members"]] == [created["id"]]
    shown = await scim.scim("GET", f"Users/{created['id']}", status=200)
    assert [each["value"] for each in shown["groups"]] == [pushed["id"]]
    whole = {**one, "members": [{"value": other["id"], "display": "other.user@okta.local"}]}
    put = await scim.scim("PUT", path, whole, status=200)
    assert [each["value"] for each in put["members"]] == [other["id"]]
    without = {key: value for key, value in shown.items() if key != "active"} | {"password": "7ye9c0b"}
    assert (await scim.scim("PUT", f"Users/{created['id']}", without, status=200))["active"] is True
    renamed = {"op": "replace", "value": {"id": pushed["id"], "displayName": "Test SCIMv3"}}
    assert (await scim.patch(path, renamed, status=204))["displayName"] == "Test SCIMv3"
    await scim.scim("DELETE", path, status=204)
