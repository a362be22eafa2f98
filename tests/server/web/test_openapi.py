"""The OpenAPI document of the admin API is valid and complete."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import schemathesis
from aiohttp import web

from ambassador_protocol.admin import enumerations
from ambassador_protocol.paths import SCIM
from ambassador_server.bootstrap.server import build
from ambassador_server.config import ServerConfig
from ambassador_server.domain.audit.events import ActorKind, AuditAction, Outcome
from ambassador_server.domain.catalog.credential_needs import GrantType, Place
from ambassador_server.domain.catalog.mcps import (
    ArgumentPolicy,
    Broadcast,
    DownstreamStatus,
    Isolation,
    McpStatus,
    Sessions,
    ToolClass,
)
from ambassador_server.domain.people.administrators import Right, Role
from ambassador_server.domain.people.client_keys import SHOWN_STATUSES
from ambassador_server.domain.people.groups import GroupStatus
from ambassador_server.domain.people.meta_tools import CHOICES_OF_USERS, MetaTools
from ambassador_server.domain.people.users import AuthSource, UserStatus
from ambassador_server.domain.policy.grants import Delivery, Effect
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.storage.migrate import upgrade
from ambassador_server.web.admin.routes import admin_endpoints
from ambassador_server.web.openapi import describe

DOCUMENT: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(describe(admin_endpoints())))
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
SIGN_IN = {"POST /v1/admin/login", "GET /v1/admin/sign-in", "POST /v1/admin/sign-in"}
OPEN = {"GET /health", "GET /live", "GET /ready", "GET /v1/trust/ca.pem", *SIGN_IN}
REFUSALS = {"400", "401", "403", "404", "408", "409", "413", "415", "421", "429", "502", "503", "504"}


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[web.Application]:
    config = ServerConfig(data_dir=tmp_path, tls="off")
    await upgrade(config.store_url)
    server = await build(config, writer="test")
    yield server.admin_app(None)
    await server.close()


def test_document_is_valid_openapi() -> None:
    schemathesis.openapi.from_dict(DOCUMENT).validate()
    assert DOCUMENT["openapi"].startswith("3.1")


async def test_document_describes_exactly_the_routes(app: web.Application) -> None:
    """SCIM describes itself, at `/Schemas` and `/ResourceTypes`."""
    routed = {
        f"{route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource is not None
        and route.method != "HEAD"
        and not route.resource.canonical.startswith(f"{SCIM}/")
    }
    assert routed == set(OPERATIONS)


def test_operation_ids_are_unique_and_every_reference_resolves() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(names) == len(set(names))
    for reference in references(DOCUMENT):
        place: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
    defined = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert defined <= set(references(DOCUMENT))


@pytest.mark.parametrize("label", OPERATIONS)
def test_operation_has_summary_right_and_error_responses(label: str) -> None:
    operation = OPERATIONS[label]
    assert operation["summary"].endswith(".")
    assert "`amb_" not in operation["summary"]
    needed = {right for scheme in operation["security"] for rights in scheme.values() for right in rights}
    assert needed <= {right.value for right in Right}
    assert len(needed) == (0 if label in OPEN else 1)
    assert all(f"`{right}`" in operation["description"] for right in needed)
    assert set(operation["responses"]) >= REFUSALS
    assert ("412" in operation["responses"]) == any(
        parameter["name"] == "If-Match" for parameter in operation["parameters"]
    )
    assert any(status.startswith("2") for status in operation["responses"])
    assert all(
        parameter.get("description") for parameter in operation["parameters"] if parameter["in"] != "path"
    )


def references(part: Any) -> list[str]:
    """Return every `$ref` below."""
    if isinstance(part, list):
        return [found for each in part for found in references(each)]
    if not isinstance(part, dict):
        return []
    here = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
    return here + [found for each in part.values() for found in references(each)]


def test_enumerations_equal_those_of_the_server() -> None:
    """The wire contract imports nothing from the server, so it repeats the values."""
    for told, known in (
        (enumerations.UserStatus, UserStatus),
        (enumerations.AuthSource, AuthSource),
        (enumerations.MetaTools, CHOICES_OF_USERS),
        (enumerations.KeyMetaTools, MetaTools),
        (enumerations.Role, Role),
        (enumerations.GroupStatus, GroupStatus),
        (enumerations.KeyStatus, SHOWN_STATUSES),
        (enumerations.Effect, Effect),
        (enumerations.Delivery, Delivery),
        (enumerations.ArgumentPolicy, ArgumentPolicy),
        (enumerations.SessionSharing, Sessions),
        (enumerations.Broadcast, Broadcast),
        (enumerations.Isolation, Isolation),
        (enumerations.CredentialPlace, Place),
        (enumerations.OAuthGrant, GrantType),
        (enumerations.McpStatus, McpStatus),
        (enumerations.DownstreamStatus, DownstreamStatus),
        (enumerations.ToolClass, ToolClass),
        (enumerations.SwitchScope, SwitchScope),
        (enumerations.AuditAction, AuditAction),
        (enumerations.Outcome, Outcome),
        (enumerations.ActorKind, ActorKind),
    ):
        (one_of,) = get_args(told)[1:]
        assert one_of.words == tuple(known), known
    status = DOCUMENT["components"]["schemas"]["UserPut"]["properties"]["status"]
    assert {"type": "string", "enum": ["active", "suspended", "deactivated"]} in status["anyOf"]
