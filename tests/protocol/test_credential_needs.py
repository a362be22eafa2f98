"""The short form of declared credentials is that of the server, and it is read back as the same."""

from dataclasses import asdict
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ambassador_protocol.admin.credential_needs import (
    CredentialFieldBody,
    CredentialsBody,
    OAuthBody,
    without_defaults,
)
from ambassador_server.web.admin.credential_needs import credential_needs
from ambassador_server.web.bodies import adapter

PLACES = st.sampled_from(["environment", "header", "query", "argument"])
TEXTS: st.SearchStrategy[Any] = st.just("") | st.just("{}") | st.text(max_size=5)
FIELDS = st.builds(
    CredentialFieldBody,
    name=TEXTS,
    place=PLACES,
    target=TEXTS,
    template=TEXTS,
    title=TEXTS,
    help=TEXTS,
    secret=st.booleans(),
    required=st.booleans(),
    reference=st.none() | TEXTS,
    listing_reference=st.none() | TEXTS,
)
OAUTH = st.builds(
    OAuthBody,
    grant=st.sampled_from(["user", "service_account", "identity_assertion"]),
    client_id=st.none() | TEXTS,
    client_secret=st.none() | TEXTS,
    provider=st.none() | TEXTS,
    provider_client_id=st.none() | TEXTS,
    provider_client_secret=st.none() | TEXTS,
    subject_type=st.sampled_from(["access_token", "id_token", "jwt"]),
    scopes=st.lists(TEXTS, max_size=2),
    resource=st.just("send") | TEXTS,
    issuer=st.none() | TEXTS,
    authorization_endpoint=st.none() | TEXTS,
    token_endpoint=st.none() | TEXTS,
    device_endpoint=st.none() | TEXTS,
    revocation_endpoint=st.none() | TEXTS,
    private_addresses=st.booleans(),
)
BODIES = st.builds(CredentialsBody, fields=st.lists(FIELDS, max_size=3), oauth=st.none() | OAUTH)


@given(BODIES)
def test_the_server_shows_the_short_form_and_reads_it_back(body: CredentialsBody) -> None:
    needs = credential_needs(body)
    assert needs.members == without_defaults(asdict(body))
    assert adapter(CredentialsBody).validate_json(msgspec.json.encode(needs.members)) == body


@given(BODIES)
def test_the_short_form_is_short_already(body: CredentialsBody) -> None:
    short = without_defaults(asdict(body))
    assert without_defaults(short) == short
