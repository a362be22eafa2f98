"""The description of the admin API, OpenAPI 3.1, from the very values the routes are made of."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter

from ambassador_protocol import __version__
from ambassador_protocol.paths import ADMIN_KEY_HEADER
from ambassador_protocol.problems import ProblemCode
from ambassador_server.web.endpoints import Endpoint

_PARAMETER = re.compile(r"{(\w+)}")
_SCHEMAS = "#/components/schemas/"
_PROBLEM = f"{_SCHEMAS}Problem"
_TEXT = {"type": "string"}

_REFUSALS = {
    "400": "The request makes no sense; the message says what.",
    "401": "There is no valid admin key.",
    "403": "The admin key lacks the right.",
    "404": "No such object, or no such path.",
    "409": "It exists already, or its state does not allow this.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "429": "Too many wrong keys from this address.",
    "502": "The downstream cannot be reached.",
    "503": "Not usable now: database, audit log, or too much at once.",
    "504": "The downstream did not answer in time.",
}
_CHANGED_MEANWHILE = {"412": "It has been changed since it was read."}


def describe(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Return the document as JSON values."""
    schemas: dict[str, Any] = {"Problem": _problem_schema()}
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
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
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An amb_ak_ admin key."},
                "header": {"type": "apiKey", "in": "header", "name": ADMIN_KEY_HEADER},
            },
        },
        "security": [{"bearer": []}, {"header": []}],
    }


def _operation(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    noun = endpoint.handler.__module__.rpartition(".")[2]
    operation: dict[str, Any] = {
        "operationId": f"{noun}-{endpoint.handler.__name__.replace('_', '-')}",
        "tags": [noun],
        "summary": (endpoint.handler.__doc__ or "").partition("\n")[0],
        "description": f"Needs the right `{endpoint.right}`.",
        "parameters": [*_path_parameters(endpoint), *_query_parameters(endpoint), *_if_match(endpoint)],
        "responses": _responses(endpoint, schemas),
    }
    if endpoint.takes is not None:
        body = {"application/json": {"schema": _schema(endpoint.takes, schemas, "validation")}}
        operation["requestBody"] = {"required": True, "content": body}
    return operation


def _path_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    names = _PARAMETER.findall(endpoint.path)
    return [
        {"name": name, "in": "path", "required": True, "schema": {**_TEXT, "minLength": 1}} for name in names
    ]


def _query_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "query",
            "schema": {"type": "array", "items": _TEXT} if kind == "array" else {"type": kind},
        }
        for name, kind in endpoint.query.items()
    ]


def _if_match(endpoint: Endpoint) -> list[dict[str, Any]]:
    if not endpoint.is_guarded:
        return []
    return [
        {"name": "If-Match", "in": "header", "schema": _TEXT, "description": "The entity tag it must have."}
    ]


def _responses(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    refusals = _REFUSALS | (_CHANGED_MEANWHILE if endpoint.is_guarded else {})
    problem = {"application/problem+json": {"schema": {"$ref": _PROBLEM}}}
    responses: dict[str, Any] = {
        status: {"description": words, "content": problem} for status, words in refusals.items()
    }
    answer: dict[str, Any] = {"description": "Done."}
    if endpoint.gives is not None:
        schema = _schema(endpoint.gives, schemas, "serialization")
        answer["content"] = {"application/json": {"schema": _page_of(schema) if endpoint.lists else schema}}
    # A resource that is put is there or comes to be: both are right.
    for status in (
        {endpoint.status, 200} if endpoint.status == 201 and endpoint.method == "PUT" else {endpoint.status}
    ):
        responses[str(status)] = answer
    return responses


def _schema(kind: type[Any], schemas: dict[str, Any], mode: Any) -> dict[str, Any]:
    schema = TypeAdapter(kind).json_schema(mode=mode, ref_template=f"{_SCHEMAS}{{model}}")
    schemas.update(schema.pop("$defs", {}))
    schemas[kind.__name__] = schema
    return {"$ref": f"{_SCHEMAS}{kind.__name__}"}


def _page_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["items", "next_cursor", "total"],
        "properties": {
            "items": {"type": "array", "items": schema},
            "next_cursor": {"type": ["string", "null"]},
            "total": {"type": ["integer", "null"]},
        },
    }


def _problem_schema() -> dict[str, Any]:
    members: dict[str, Any] = dict.fromkeys(
        ("type", "title", "detail", "request_id", "error", "message"), _TEXT
    )
    members["status"] = {"type": "integer"}
    members["code"] = {"enum": [code.value for code in ProblemCode]}
    return {"type": "object", "required": list(members), "properties": members | {"hint": _TEXT}}
