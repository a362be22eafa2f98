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
    SubjectType,
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


ASSERTED = replace(
    ACCOUNT,
    grant=GrantType.IDENTITY_ASSERTION,
    provider="sso",
    provider_client_id="ours-there",
    provider_client_secret="env://PROVIDER",
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
        CredentialNeeds(oauth=ASSERTED),
        CredentialNeeds(fields=(replace(TOKEN, target="X-Key"),), oauth=ASSERTED),
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


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"provider": None}, "needs provider"),
        ({"provider": ""}, "needs provider"),
        ({"provider_client_id": None, "issuer": None}, "needs provider_client_id, issuer"),
        ({"provider_client_secret": None}, "needs provider_client_secret"),
        ({"client_secret": None}, "needs client_secret"),
        ({"provider_client_id": "a b"}, "provider_client_id must be printable text without spaces"),
        ({"authorization_endpoint": "https://issuer/login"}, "no user goes to the authorization_endpoint"),
        ({"device_endpoint": "https://issuer/device"}, "no user goes to the device_endpoint"),
        ({"grant": GrantType.SERVICE_ACCOUNT}, "provider goes with the grant identity_assertion"),
        (
            {
                "grant": GrantType.USER,
                "provider": None,
                "provider_client_id": None,
                "provider_client_secret": None,
                "subject_type": SubjectType.JWT,
            },
            "subject_type goes with",
        ),
    ],
)
def test_access_by_presented_tokens_that_cannot_work_is_refused(change: dict[str, Any], text: str):
    with pytest.raises(InvalidInputError, match=text):
        check_needs(replace(MCP, credentials=CredentialNeeds(oauth=replace(ASSERTED, **change))))


def test_secrets_of_presented_tokens_are_references_that_are_hidden_and_recorded_as_such():
    needs = CredentialNeeds(oauth=ASSERTED)
    assert needs.references == ("env://SECRET", "env://PROVIDER")
    assert (needs.is_per_user, needs.is_listed_by_users, needs.is_given_by_users) == (True, True, False)


@pytest.mark.parametrize(
    "needs",
    [
        CredentialNeeds(fields=(TOKEN,)),
        CredentialNeeds(oauth=OAuthNeeds()),
        CredentialNeeds(oauth=ASSERTED),
    ],
)
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
