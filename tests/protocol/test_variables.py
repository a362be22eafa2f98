"""The table of environment variables is complete, and a misspelt one is recognised."""

import pytest

from ambassador_admin.context import settings as admin
from ambassador_admin.declarative import key_destinations
from ambassador_client.account import setting_sources as client
from ambassador_protocol.variables import VARIABLES, misspelling, misspelt_variables
from ambassador_server import config as server


def test_table_has_the_variables_of_the_three_programs():
    of_admin = {admin.URL_VARIABLE, admin.KEY_VARIABLE, admin.CA_VARIABLE, admin.CONTEXT_VARIABLE}
    of_admin |= {admin.OUTPUT_VARIABLE, key_destinations.USER_VARIABLE, key_destinations.NAME_VARIABLE}
    assert {*client.ENVIRONMENT.values(), *server.ENVIRONMENT} | of_admin == VARIABLES


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("MCP_AMBASSADOR_PRESHARED_KY", "PRESHARED_KEY"),
        ("MCP_AMBASSADOR_PRE_SHARED_KEY", "PRESHARED_KEY"),
        ("MCP_AMBASSADOR_KEY", "PRESHARED_KEY"),
        ("MCP_AMBASSADOR_SERVER_URL", "URL"),
        ("MCP_AMBASSADOR_CAFILE", "CA_FILE"),
        ("MCP_AMBASSADOR_SELF_SIGNED", "ALLOW_SELF_SIGNED"),
        ("MCP_AMBASADOR_URL", "URL"),
        ("AMBASSADOR_FINGERPRINT", "FINGERPRINT"),
        ("mcp_ambassador_url", "URL"),
        ("MCP_AMBASSADOR_DATADIR", "DATA_DIR"),
        ("MCP_AMBASSADOR_ADMIN_KY", "ADMIN_KEY"),
    ],
)
def test_misspelt_variable_is_named_with_the_one_that_was_meant(name: str, near: str):
    (found,) = misspelt_variables([name, "PATH", "MCP_AMBASSADOR_URL"]).items()
    assert found[0] == name
    assert f"MCP_AMBASSADOR_{near}" in found[1]
    assert misspelling(*found).startswith(f"{name} is not a variable of MCP Ambassador. Did you mean ")


@pytest.mark.parametrize(
    "name",
    [
        *sorted(VARIABLES),
        "MCP_AMBASSADOR_MASTER_KEY",
        "MCP_AMBASSADOR_PEPPER",
        "MCP_AMBASSADOR_DB_PASSWORD",
        "AMBASSADOR_HOME",
        "MCP_AMBASSADOR_",
        "AMBASSADOR",
        "URL",
    ],
)
def test_other_names_are_left_alone(name: str):
    assert misspelt_variables([name]) == {}
