"""Our protocol tables equal those of the SDK, which are generated from the specification."""

import json
from dataclasses import fields

import mcp_types
import pytest
from mcp.shared import inbound
from mcp_types import methods, version

from ambassador_client.proxy import local_responses, message
from ambassador_protocol import mcp
from ambassador_protocol.jsonrpc import Code
from ambassador_server.domain.catalog.offers import DownstreamFeatures
from ambassador_server.mcp.identity import server_capabilities


def test_versions_are_those_of_the_specification():
    assert mcp.LEGACY_VERSIONS == version.HANDSHAKE_PROTOCOL_VERSIONS
    assert mcp.MODERN_VERSIONS == version.MODERN_PROTOCOL_VERSIONS
    assert mcp.LATEST_LEGACY == version.LATEST_HANDSHAKE_VERSION


def test_meta_keys_and_headers_are_those_of_the_specification():
    assert mcp_types.PROTOCOL_VERSION_META_KEY == mcp.META_VERSION
    assert mcp_types.CLIENT_INFO_META_KEY == mcp.META_CLIENT_INFO
    assert mcp_types.CLIENT_CAPABILITIES_META_KEY == mcp.META_CLIENT_CAPABILITIES
    assert mcp_types.SERVER_INFO_META_KEY == mcp.META_SERVER_INFO
    ours = (mcp.VERSION_HEADER, mcp.METHOD_HEADER, mcp.NAME_HEADER, mcp.PARAM_HEADER_PREFIX)
    theirs = (
        inbound.MCP_PROTOCOL_VERSION_HEADER,
        inbound.MCP_METHOD_HEADER,
        inbound.MCP_NAME_HEADER,
        inbound.MCP_PARAM_HEADER_PREFIX,
    )
    assert [name.lower() for name in ours] == [name.lower() for name in theirs]
    assert dict(inbound.NAME_BEARING_METHODS) == mcp.NAME_PARAMS


def test_error_codes_are_those_of_the_specification():
    for code in (Code.PARSE_ERROR, Code.INVALID_REQUEST, Code.METHOD_NOT_FOUND, Code.INVALID_PARAMS):
        assert getattr(mcp_types, code.name) == code
    assert mcp_types.INTERNAL_ERROR == Code.INTERNAL_ERROR
    assert mcp_types.HEADER_MISMATCH == Code.HEADER_MISMATCH
    assert mcp_types.MISSING_REQUIRED_CLIENT_CAPABILITY == Code.MISSING_CAPABILITY
    assert mcp_types.UNSUPPORTED_PROTOCOL_VERSION == Code.UNSUPPORTED_VERSION


def test_our_own_codes_are_outside_the_reserved_range():
    specified = {-32700, -32600, -32601, -32602, -32603, -32020, -32021, -32022}
    own = {int(code) for code in Code} - specified
    assert own
    assert not own & set(range(-32768, -31999))


_EVERYTHING = DownstreamFeatures(**{field.name: True for field in fields(DownstreamFeatures)})
_LEGACY, _MODERN = (server_capabilities(_EVERYTHING, modern=modern) for modern in (False, True))


@pytest.mark.parametrize("features", [_LEGACY, _MODERN, mcp.CLIENT_FEATURES])
def test_declared_capabilities_are_server_capabilities(features: dict[str, object]):
    capabilities = mcp_types.ServerCapabilities.model_validate(features)
    assert capabilities.model_dump(exclude_none=True, by_alias=True) == features


def test_the_client_declares_at_least_what_the_server_has_but_for_extensions():
    assert _MODERN == {**_LEGACY, "extensions": {mcp.TASKS: {}}}
    for name, flags in _LEGACY.items():
        assert mcp.CLIENT_FEATURES[name].items() >= flags.items()
    listed = {name for name, flags in mcp.CLIENT_FEATURES.items() if "listChanged" in flags}
    assert listed == set(mcp.LISTED_FEATURES)


def test_every_method_is_classified_by_whether_it_may_be_sent_twice():
    changing = {"tools/call", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"}
    answered_here = {"initialize", "server/discover", "ping"}
    assert {
        *message.SAFE_METHODS,
        *changing,
        *answered_here,
        "subscriptions/listen",
    } == methods.SPEC_CLIENT_METHODS


@pytest.mark.parametrize(
    ("method", "version"),
    [pair for pair in methods.SERVER_RESULTS if pair[0] in local_responses.EMPTY_RESULTS],
)
def test_empty_answers_are_valid_in_every_version(method: str, version: str):
    params = {"_meta": {mcp.META_VERSION: version}} if version in mcp.MODERN_VERSIONS else {}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    answer = json.loads(local_responses.empty_response(message.Message.parse(json.dumps(body).encode())))
    methods.SERVER_RESULTS[method, version].model_validate(answer["result"])
