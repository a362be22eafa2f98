"""Generates the OpenAPI 3.1 document of the admin API from the endpoints that its routes are made from."""

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from ambassador_protocol import __version__
from ambassador_protocol.admin.dry_run import DryRun
from ambassador_protocol.paths import ADMIN_KEY_HEADER
from ambassador_protocol.problems import ProblemCode
from ambassador_server.web.bodies import adapter
from ambassador_server.web.endpoints import Endpoint, Parameter

Schemas = Mapping[tuple[str, JsonSchemaMode], dict[str, Any]]
"""The JSON schemas of the bodies and responses, by operation."""

_PARAMETER = re.compile(r"{(\w+)}")
_SCHEMAS = "#/components/schemas/"
_RESPONSES = "#/components/responses/"
_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}

_REFUSALS = {
    400: "The request is invalid; the message names the error.",
    401: "There is no valid admin key.",
    403: "The admin key lacks the right.",
    404: "The object or the path does not exist.",
    408: "The body did not arrive in time.",
    409: "The object exists already, or its state does not allow the request.",
    412: "The object has been changed since it was read.",
    413: "The body is too large.",
    415: "The content type is not JSON.",
    421: "The `Host` header is not a name of this server.",
    429: "Too many wrong secrets from this address.",
    502: "The downstream cannot be reached.",
    503: "The database or the audit log is unavailable, or the server is overloaded.",
    504: "The downstream did not answer in time.",
}
_CHANGED_MEANWHILE = 412
_DRY_RUN = "dry-run"
_TRIED = "With `dry_run`: what the request would change."
_JSON = "application/json"
_STATUSES = _REFUSALS | {200: "Done.", 201: "Created.", 204: "Done; the body is empty."}


def describe(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Return the OpenAPI document as JSON values."""
    listed = list(endpoints)
    schemas, definitions = _schemas(listed)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in listed:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "MCP Ambassador admin API",
            "version": __version__,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {**definitions, "Problem": _problem_schema()},
            "responses": _refusals(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An amb_ak_ admin key."},
                "header": {"type": "apiKey", "in": "header", "name": ADMIN_KEY_HEADER},
            },
        },
    }


def _schemas(endpoints: Iterable[Endpoint]) -> tuple[Schemas, dict[str, Any]]:
    wanted: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        (_DRY_RUN, "serialization", adapter(DryRun))
    ]
    for endpoint in endpoints:
        name = _name(endpoint)
        if endpoint.body_type is not None:
            wanted.append((name, "validation", adapter(endpoint.body_type)))
        if endpoint.response_type is not None and not isinstance(endpoint.response_type, str):
            wanted.append((name, "serialization", adapter(endpoint.response_type)))
    schemas, definitions = TypeAdapter.json_schemas(wanted, ref_template=f"{_SCHEMAS}{{model}}")
    return schemas, definitions.get("$defs", {})


def _name(endpoint: Endpoint) -> str:
    return f"{_noun(endpoint)}-{endpoint.handler.__name__.replace('_', '-')}"


def _noun(endpoint: Endpoint) -> str:
    return endpoint.handler.__module__.rpartition(".")[2].replace("_", "-")


def _operation(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    summary, _, more = (inspect.getdoc(endpoint.handler) or "").partition("\n")
    right = endpoint.right
    needs = "Needs no admin key." if right is None else f"Needs the right `{right}`."
    operation: dict[str, Any] = {
        "operationId": _name(endpoint),
        "tags": [_noun(endpoint)],
        "summary": summary,
        "description": f"{needs}\n\n{more.strip()}".strip(),
        "parameters": [
            *map(_path_parameter, _PARAMETER.findall(endpoint.path)),
            *map(_query_parameter, endpoint.parameters),
            *_if_match(endpoint),
        ],
        "responses": _responses(endpoint, schemas),
        "security": [] if right is None else [{scheme: [right.value]} for scheme in ("bearer", "header")],
    }
    if endpoint.body_type is not None:
        body = {_JSON: {"schema": schemas[_name(endpoint), "validation"]}}
        operation["requestBody"] = {"required": not endpoint.body_is_optional, "content": body}
    return operation


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {**_TEXT, "minLength": 1}}


def _query_parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.required,
        "description": parameter.description,
        "schema": _TEXTS if parameter.kind == "array" else {"type": parameter.kind},
    }


def _if_match(endpoint: Endpoint) -> list[dict[str, Any]]:
    if not endpoint.accepts_if_match:
        return []
    return [
        {
            "name": "If-Match",
            "in": "header",
            "schema": _TEXT,
            "description": "The `ETag` that the object must have.",
        }
    ]


def _responses(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    refusals = set(_REFUSALS) - (set() if endpoint.accepts_if_match else {_CHANGED_MEANWHILE})
    responses: dict[str, Any] = {
        str(status): {"$ref": f"{_RESPONSES}{status}"} for status in sorted(refusals)
    }
    for status in endpoint.statuses:
        responses[str(status)] = {"description": _STATUSES[status]} | _content(endpoint, schemas)
    if endpoint.is_tried:
        responses["200"] = _or_dry_run(responses.get("200"), schemas[_DRY_RUN, "serialization"])
    return responses


def _or_dry_run(done: dict[str, Any] | None, tried: dict[str, Any]) -> dict[str, Any]:
    """Return the response with status 200 of a change that can also be made as a dry run."""
    if done is None:
        return {"description": _TRIED, "content": {_JSON: {"schema": tried}}}
    either = [done["content"][_JSON]["schema"], tried]
    return {
        "description": f"{done['description']} {_TRIED}",
        "content": {_JSON: {"schema": {"anyOf": either}}},
    }


def _content(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    if endpoint.response_type is None:
        return {}
    if isinstance(endpoint.response_type, str):
        return {"content": {endpoint.response_type: {"schema": _TEXT}}}
    return {"content": {_JSON: {"schema": schemas[_name(endpoint), "serialization"]}}}


def _refusals() -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": f"{_SCHEMAS}Problem"}}}
    return {str(status): {"description": text, "content": problem} for status, text in _REFUSALS.items()}


def _problem_schema() -> dict[str, Any]:
    members: dict[str, Any] = dict.fromkeys(
        ("type", "title", "detail", "request_id", "error", "message"), _TEXT
    )
    members["status"] = {"type": "integer"}
    members["code"] = {"enum": [code.value for code in ProblemCode]}
    optional = {
        "hint": _TEXT,
        "parameter": _TEXT,
        "operation": {"type": "integer"},
        "position": {"type": "integer"},
    }
    return {"type": "object", "required": list(members), "properties": members | optional}
