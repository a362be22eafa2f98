"""SCIM: whatever can be set can be removed again, in each way that the standard has, for every attribute."""

from collections.abc import AsyncIterator, Iterator
from inspect import isclass
from typing import Any

import pytest
import pytest_asyncio
from scim2_models import EnterpriseUser, Mutability, Path, Required, Resource, User

from ambassador_server.web.admin.scim.documents import GroupResource
from tests.server.web.scim_server import GROUP, USER, ScimServer, scim_server

pytestmark = pytest.mark.asyncio(loop_scope="module")
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def scim(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ScimServer]:
    async with scim_server(tmp_path_factory.mktemp("scim")) as running:
        yield running


def _value(path: Path[Any]) -> Any:
    """Return a value for an attribute of a type, or of a class of attributes with all that they have."""
    binding = path.resolve()
    assert binding is not None
    kind: Any = binding.target_type
    if kind is bool:
        value: Any = True
    elif isclass(kind) and hasattr(kind, "model_fields"):
        parts = {
            name: getattr(field, "serialization_alias", None) or kind._scim_name(name)
            for name, field in kind.model_fields.items()
            if kind.get_field_annotation(name, Mutability) is not Mutability.read_only
        }
        value = {alias: _text(name, str(path)) for name, alias in parts.items()}
    else:
        value = _text(binding.target_field_name, str(path))
    return [value] if binding.target_is_multivalued else value


def _text(name: str, path: str) -> Any:
    if name == "primary":
        return True
    if name == "value" and "emails" in path:
        return "someone@okta.example"
    if "x509" in path and name == "value":
        return "YQ=="
    return f"https://okta.example/{name}" if name in {"profile_url", "ref", "value"} else f"some {name}"


def _attributes(model: type[Resource[Any]]) -> Iterator[tuple[str, Any]]:
    typed: Any = Path
    for path in typed[model].iter_paths(
        required=[Required.false], mutability=[Mutability.read_write], include_subattributes=True
    ):
        binding = path.resolve()
        # Elements of lists have no path of their own; `active` has always a value.
        if binding is None or str(path).rpartition(":")[2] in {"active", "schemas", "members"}:
            continue
        if "." in str(path).rpartition(":")[2] and binding.is_multivalued:
            continue
        yield str(path), _value(path)


ATTRIBUTES = [
    *((USER, path, value) for path, value in _attributes(User[EnterpriseUser])),
    *((GROUP, path, value) for path, value in _attributes(GroupResource)),
]
WAYS = ["remove", "null", "null without a path", "left out of a PUT"]


def _places(path: str) -> tuple[str | None, list[str]]:
    """Return the extension of an attribute, and the names down to it."""
    schema, _, name = path.rpartition(":")
    return schema if schema == ENTERPRISE else None, name.split(".")


def _read(document: Any, path: str) -> Any:
    schema, names = _places(path)
    for name in ([] if schema is None else [schema]) + names:
        document = (document or {}).get(name)
    return document


def _nested(path: str, value: Any) -> dict[str, Any]:
    schema, names = _places(path)
    for name in reversed(([] if schema is None else [schema]) + names):
        value = {name: value}
    assert isinstance(value, dict)
    return value


async def test_the_attributes_are_those_of_the_standard() -> None:
    paths = {(schema, _places(path)[1][0]) for schema, path, _ in ATTRIBUTES}
    names = {"externalId", "displayName", "name", "emails", "x509Certificates", "department", "manager"}
    assert {(USER, name) for name in names} | {(GROUP, "externalId")} <= paths
    assert len(ATTRIBUTES) > 30


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize(
    ("schema", "path", "value"), ATTRIBUTES, ids=[f"{each[0][-5:]}-{each[1][-30:]}" for each in ATTRIBUTES]
)
async def test_what_is_set_can_be_removed(
    scim: ScimServer, schema: str, path: str, value: Any, how: str
) -> None:
    kind, name = ("Users", "userName") if schema == USER else ("Groups", "displayName")
    required = {"schemas": [schema], name: "removing"}
    found = await scim.scim("GET", f'{kind}?filter={name} eq "removing"', status=200)
    resource = (found["Resources"] or [await scim.scim("POST", kind, required, status=201)])[0]
    at = f"{kind}/{resource['id']}"
    if "manager" in path and "." in path:
        manager = {"value": "some", "$ref": "https://okta.example/ref"}
        await scim.patch(at, {"op": "add", "path": f"{ENTERPRISE}:manager", "value": manager})
    before = await scim.patch(at, {"op": "add", "path": path, "value": value})
    assert _read(before, path) == value, before
    if how == "remove":
        after = await scim.patch(at, {"op": "remove", "path": path}, status=204)
    elif how == "null":
        after = await scim.patch(at, {"op": "replace", "path": path, "value": None}, status=204)
    elif how == "null without a path":
        after = await scim.patch(at, {"op": "replace", "value": _nested(path, None)}, status=204)
    else:
        after = await scim.scim("PUT", at, required, status=200)
    assert _read(after, path) is None
    assert _read(await scim.scim("GET", at), path) is None
    if schema == USER:
        shown = await scim.ask("GET", "users/removing")
        assert (shown["subject"], shown["email"], shown["display_name"]) == (None, None, "removing")
