"""Which credentials each transport can carry, and that only references are accepted for shared ones."""

from dataclasses import replace
from typing import Any

import pytest

from ambassador_server.domain.catalog.credential_needs import (
    CredentialField,
    CredentialNeeds,
    OAuthNeeds,
    Place,
)
from ambassador_server.downstream.pool import DownstreamPool
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.downstream.transports import check_credentials
from ambassador_server.errors import InvalidInputError
from tests.server.worlds import MCP

PROGRAM = {"command": "program", "env": {"TZ": "UTC"}}
SERVER = {"url": "https://host/mcp?tenant=1", "headers": {"X-Api-Key": "env://KEY"}}
VARIABLE = CredentialField(name="token", place=Place.ENVIRONMENT, target="API_TOKEN")
ARGUMENT = CredentialField(name="dsn", place=Place.ARGUMENT)
HEADER = CredentialField(name="token", place=Place.HEADER, target="Authorization", template="Bearer {}")
PARAMETER = CredentialField(name="key", place=Place.QUERY, target="api_key")


def needs(*fields: CredentialField, oauth: OAuthNeeds | None = None) -> CredentialNeeds:
    return CredentialNeeds(fields=fields, oauth=oauth)


def test_a_program_takes_variables_and_arguments():
    check_credentials("stdio", PROGRAM, needs(VARIABLE, ARGUMENT))


@pytest.mark.parametrize("transport", ["streamable_http", "sse"])
def test_requests_take_headers_parameters_and_oauth(transport: str):
    check_credentials(transport, SERVER, needs(HEADER, PARAMETER))
    check_credentials(transport, SERVER, needs(PARAMETER, oauth=OAuthNeeds()))


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        (needs(HEADER), "a program takes a place environment or argument, not header"),
        (needs(PARAMETER), "not query"),
        (needs(oauth=OAuthNeeds()), "not for a program"),
        (needs(replace(VARIABLE, target="A=B")), "'A=B' is not a variable name"),
        (needs(replace(VARIABLE, target="1A")), "'1A' is not a variable name"),
        (needs(replace(VARIABLE, target="A\0")), "is not a variable name"),
        (needs(replace(VARIABLE, target="TZ")), "option 'env' sets TZ already"),
        (needs(replace(VARIABLE, target="LD_PRELOAD")), "decides which code a program runs"),
        (needs(replace(VARIABLE, target="NODE_OPTIONS")), "decides which code a program runs"),
        (needs(replace(VARIABLE, target="AMBASSADOR_STARTED_BY")), "decides which code"),
    ],
)
def test_a_program_refuses(declared: CredentialNeeds, text: str):
    with pytest.raises(InvalidInputError, match=text):
        check_credentials("stdio", PROGRAM, declared)


@pytest.mark.parametrize("transport", ["streamable_http", "sse"])
@pytest.mark.parametrize(
    ("declared", "text"),
    [
        (needs(VARIABLE), "a request takes a place header or query, not environment"),
        (needs(ARGUMENT), "not argument"),
        (needs(replace(HEADER, target="Host")), "cannot set the header 'Host'"),
        (needs(replace(HEADER, target="Mcp-Session-Id")), "cannot set the header"),
        (needs(replace(HEADER, target="a b")), "cannot set the header"),
        (needs(replace(HEADER, target="x-api-key")), "the header x-api-key is set already"),
        (needs(HEADER, oauth=OAuthNeeds()), "the header Authorization is set already"),
        (needs(replace(PARAMETER, target="tenant")), "sets the parameter tenant already"),
        (needs(replace(PARAMETER, target="a\nb")), "names no parameter"),
    ],
)
def test_requests_refuse(transport: str, declared: CredentialNeeds, text: str):
    with pytest.raises(InvalidInputError, match=text):
        check_credentials(transport, SERVER, declared)


def test_oauth_and_a_header_of_the_options_exclude_each_other():
    options = {"url": "https://host/", "headers": {"authorization": "env://TOKEN"}}
    with pytest.raises(InvalidInputError, match="sets the header Authorization"):
        check_credentials("streamable_http", options, needs(oauth=OAuthNeeds()))


@pytest.mark.parametrize("member", ["reference", "listing_reference"])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("hunter2", "is given by reference"),
        ("https://hunter2", "is given by reference"),
        ("", "is given by reference"),
        ("vault://hunter2", "'vault://' is not a known scheme"),
        ("env://MCP_AMBASSADOR_PEPPER", "never given to a downstream"),
        ("file://relative", "not an absolute path"),
        ("file:///proc/self/environ", "never given away"),
    ],
)
def test_a_shared_value_is_a_reference_and_nothing_else(member: str, value: str, text: str):
    declared: dict[str, Any] = {member: value}
    with pytest.raises(InvalidInputError, match=text) as refusal:
        check_credentials("stdio", PROGRAM, needs(replace(VARIABLE, **declared)))
    assert "hunter2" not in str(refusal.value)


def test_a_client_secret_is_a_reference():
    with pytest.raises(InvalidInputError, match="is given by reference"):
        check_credentials("sse", SERVER, needs(oauth=OAuthNeeds(client_id="us", client_secret="hunter2")))


async def test_the_files_of_shared_values_are_hidden_from_programs():
    programs = ProgramSettings()
    pool = DownstreamPool(programs=programs)
    fields = (
        replace(VARIABLE, reference="file:///run/secrets/shared"),
        replace(ARGUMENT, listing_reference="file:///run/secrets/listing"),
    )
    oauth = OAuthNeeds(client_id="us", client_secret="file:///run/secrets/client")
    pool.hide_secrets([replace(MCP, credentials=needs(*fields, oauth=oauth))])
    await pool.close()
    assert {"/run/secrets/shared", "/run/secrets/listing", "/run/secrets/client"} <= set(programs.hidden)
