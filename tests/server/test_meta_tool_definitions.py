"""Strict hosts can read the definitions of the three tools, and their schemas say what the code does."""

import json

import jsonschema_rs
import pytest
from mcp import types

from ambassador_server.host_definitions import host_definition
from ambassador_server.meta_tools.definitions import DEFINITIONS


@pytest.mark.parametrize("name", list(DEFINITIONS))
@pytest.mark.parametrize("modern", [False, True])
def test_no_host_needs_another_definition(name, modern):
    definition = dict(DEFINITIONS[name])
    assert types.Tool.model_validate(definition).name == name
    assert not host_definition(json.dumps(definition).encode(), modern=modern).is_changed
    for schema in ("inputSchema", "outputSchema"):
        if schema in definition:
            jsonschema_rs.meta.validate(definition[schema])
            assert set(definition[schema]["required"]) <= definition[schema]["properties"].keys()
