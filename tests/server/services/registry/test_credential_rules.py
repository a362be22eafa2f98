"""What an entry may declare about credentials, and what is refused when it is written."""

from dataclasses import replace
from typing import Any

import pytest

from ambassador_server.domain.catalog.credential_needs import (
    CredentialField,
    CredentialNeeds,
    GrantType,
    OAuthNeeds,
    Place,
)
from ambassador_server.domain.catalog.mcps import DownstreamState, DownstreamStatus, Mcp, Sessions
from ambassador_server.errors import InvalidInputError
from ambassador_server.services.registry.credential_rules import check_needs
from ambassador_server.services.registry.credential_warnings import warnings_about
from tests.server.worlds import MCP

TOKEN = CredentialField(name="token", place=Place.HEADER, target="Authorization", template="Bearer {}")
ACCOUNT = OAuthNeeds(
    grant=GrantType.SERVICE_ACCOUNT,
    client_id="ours",
    client_secret="env://SECRET",
    issuer="https://issuer.example",
)


def with_fields(*fields: CredentialField, **mcp: Any) -> Mcp:
    return replace(MCP, credentials=CredentialNeeds(fields=fields), **mcp)


@pytest.mark.parametrize(
    "needs",
    [
        CredentialNeeds(),
        CredentialNeeds(fields=(TOKEN,)),
        CredentialNeeds(fields=(replace(TOKEN, help="The API key: find it under Settings."),)),
        CredentialNeeds(
            fields=(CredentialField(name="url", place=Place.ARGUMENT, template="postgres://app:{}@db"),)
        ),
        CredentialNeeds(
            fields=(TOKEN, replace(TOKEN, name="team", target="X-Team", secret=False, reference="env://TEAM"))
        ),
        CredentialNeeds(
            oauth=OAuthNeeds(scopes=("repo", "read:org"), issuer="https://issuer", resource="omit")
        ),
        CredentialNeeds(oauth=OAuthNeeds(token_endpoint="http://127.0.0.1:1/token", private_addresses=True)),
        CredentialNeeds(oauth=ACCOUNT),
    ],
)
def test_needs_that_can_be_filled_are_accepted(needs: CredentialNeeds):
    check_needs(replace(MCP, credentials=needs))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"name": "Token"}, "is not a field name"),
        ({"name": "oauth"}, "is not a field name"),
        ({"name": "x" * 65}, "is not a field name"),
        ({"template": "Bearer"}, "exactly once"),
        ({"template": "{}{}"}, "exactly once"),
        ({"template": "a\n{}"}, "one line of printable text"),
        ({"title": "a\x1b[2J"}, "one line of printable text"),
        ({"help": "x" * 1001}, "one line of printable text"),
        ({"help": f"for example ghp_{'1aB' * 12}"}, "looks like a secret"),
        ({"template": f"sk_live_{'1aB' * 10}{{}}"}, "looks like a secret"),
        ({"target": ""}, "needs a target: the name of the header"),
        ({"place": Place.QUERY, "target": ""}, "needs a target: the name of the parameter"),
        ({"place": Place.ARGUMENT}, "has no target"),
        ({"reference": "env://A", "listing_reference": "env://B"}, "give one of"),
    ],
)
def test_a_field_that_cannot_be_filled_or_holds_a_secret_is_refused(change: dict[str, Any], text: str):
    with pytest.raises(InvalidInputError, match=text) as refusal:
        check_needs(with_fields(replace(TOKEN, **change)))
    assert "1aB1aB" not in str(refusal.value)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ((TOKEN, TOKEN), "'token' is declared 2 times"),
        ((TOKEN, replace(TOKEN, name="other", target="authorization")), "2 fields go to the same header"),
        (tuple(replace(TOKEN, name=f"t{n}", target=f"X-{n}") for n in range(33)), "at most 32 fields"),
    ],
)
def test_fields_that_exclude_each_other_are_refused(fields: tuple[CredentialField, ...], text: str):
    with pytest.raises(InvalidInputError, match=text):
        check_needs(with_fields(*fields))


def test_variables_that_differ_by_case_are_two():
    key = CredentialField(name="one", place=Place.ENVIRONMENT, target="KEY")
    check_needs(with_fields(key, replace(key, name="two", target="key")))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"client_secret": None}, "needs a client_id and a client_secret"),
        ({"issuer": None}, "needs the issuer, or the token_endpoint"),
        ({"grant": GrantType.USER, "client_id": None}, "needs the client_id"),
        ({"client_id": "a b"}, "without spaces"),
        ({"scopes": ("a b",)}, "words without spaces"),
        ({"scopes": ("",)}, "words without spaces"),
        ({"issuer": "http://issuer"}, "issuer must be an https:// URL"),
        ({"token_endpoint": "https://user:pass@issuer/token"}, "token_endpoint must be"),
        ({"token_endpoint": "https://issuer:99999/"}, "token_endpoint must be"),
        ({"token_endpoint": "https://[::1"}, "token_endpoint must be"),
        ({"device_endpoint": "/device"}, "device_endpoint must be"),
        ({"revocation_endpoint": "ftp://issuer/"}, "revocation_endpoint must be"),
        ({"authorization_endpoint": "https://issuer/#x"}, "authorization_endpoint must be"),
        ({"resource": "maybe"}, "resource must be send, omit"),
    ],
)
def test_access_by_oauth_that_cannot_work_is_refused(change: dict[str, Any], text: str):
    with pytest.raises(InvalidInputError, match=text):
        check_needs(replace(MCP, credentials=CredentialNeeds(oauth=replace(ACCOUNT, **change))))


@pytest.mark.parametrize("needs", [CredentialNeeds(fields=(TOKEN,)), CredentialNeeds(oauth=OAuthNeeds())])
def test_users_with_credentials_of_their_own_share_no_session(needs: CredentialNeeds):
    with pytest.raises(InvalidInputError, match="never share a session"):
        check_needs(replace(MCP, credentials=needs, sessions=Sessions.SHARED))


def test_a_shared_credential_may_be_used_in_a_shared_session():
    check_needs(with_fields(replace(TOKEN, reference="env://TOKEN"), sessions=Sessions.SHARED))


def test_an_argument_is_warned_of():
    state = DownstreamState(status=DownstreamStatus.STOPPED, error=None, tools=())
    warnings = warnings_about(with_fields(TOKEN, CredentialField(name="key", place=Place.ARGUMENT)), state)
    assert "'key' is an argument: its value is visible in the process list" in warnings[0]
    assert not any("'token'" in warning for warning in warnings)
