"""What is accepted of a declaration and of a value can be sent, and changes nothing but its own place."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from ambassador_server.domain.catalog.credential_needs import (
    CredentialField,
    CredentialNeeds,
    OAuthNeeds,
    Place,
)
from ambassador_server.domain.catalog.credential_values import check_value
from ambassador_server.downstream.http.client import encode_fields
from ambassador_server.downstream.transports import check_credentials
from ambassador_server.errors import InvalidInputError
from ambassador_server.services.registry.credential_rules import check_needs
from ambassador_server.services.shared.filled_credentials import fill
from tests.effort import examples
from tests.server.worlds import MCP

HOSTILE = st.text() | st.sampled_from(
    [
        "",
        "{}",
        "{}{}",
        "a\r\nX: y",
        "a\0b",
        "\x7f",
        " ",
        "-e",
        "--{}",
        "Authorization",
        "host",
        "\ud800",
        "$(id)",
    ]
)
FIELDS = st.builds(
    CredentialField,
    name=st.sampled_from(["token", "key", "oauth", "A"]) | HOSTILE,
    place=st.sampled_from(Place),
    target=HOSTILE | st.sampled_from(["X-Token", "TOKEN", "token"]),
    template=HOSTILE | st.sampled_from(["Bearer {}", "--token={}"]),
    title=HOSTILE,
    help=HOSTILE,
    secret=st.booleans(),
    required=st.booleans(),
    reference=st.none() | HOSTILE | st.just("env://TOKEN"),
    listing_reference=st.none() | HOSTILE,
)
OAUTH = st.builds(
    OAuthNeeds,
    client_id=st.none() | HOSTILE,
    client_secret=st.none() | HOSTILE,
    scopes=st.lists(HOSTILE, max_size=2).map(tuple),
    resource=HOSTILE,
    issuer=st.none() | HOSTILE,
    token_endpoint=st.none() | HOSTILE,
)
NEEDS = st.builds(CredentialNeeds, fields=st.lists(FIELDS, max_size=3).map(tuple), oauth=st.none() | OAUTH)
OPTIONS = {
    "stdio": {"command": "x"},
    "streamable_http": {"url": "https://h/"},
    "sse": {"url": "https://h/?a=1"},
}


PLAIN = st.text("abcXYZ019_", min_size=1, max_size=8).map("X".__add__)
LIKELY = st.builds(
    CredentialField,
    name=st.just("token"),
    place=st.sampled_from(Place),
    target=PLAIN,
    template=st.sampled_from(["{}", "Bearer {}", "--token={}", "{}-x"]),
)


@given(NEEDS, st.sampled_from(sorted(OPTIONS)))
def test_every_declaration_is_accepted_or_refused_in_words(needs: CredentialNeeds, transport: str) -> None:
    with suppress(InvalidInputError):
        check_needs(replace(MCP, credentials=needs))
        check_credentials(transport, OPTIONS[transport], needs)


@examples(500)
@given(LIKELY, st.sampled_from(["", "target", "template"]), HOSTILE, HOSTILE | PLAIN)
def test_what_is_accepted_stays_in_its_place(
    field: CredentialField, changed: str, text: str, value: str
) -> None:
    if field.place is Place.ARGUMENT:
        field = replace(field, target="")
    if changed:
        field = replace(field, **{changed: text})
    transport = "stdio" if field.place in (Place.ENVIRONMENT, Place.ARGUMENT) else "sse"
    needs = CredentialNeeds(fields=(field,))
    try:
        check_needs(replace(MCP, credentials=needs))
        check_credentials(transport, OPTIONS[transport], needs)
        check_value(field, value)
    except InvalidInputError:
        return
    event(f"accepted: {field.place}")
    filled = fill(needs, {field.name: value}, "one")
    sent = [*filled.environment.items(), *filled.headers.items(), *filled.query.items()]
    assert len(sent) + len(filled.arguments) == 1
    assert encode_fields(filled.headers).count(b"\r\n") == len(filled.headers)
    assert not any("\0" in part for part in (*filled.environment.values(), *filled.arguments))
    assert all(argument.startswith("-") <= field.template.startswith("-") for argument in filled.arguments)


@pytest.mark.parametrize("value", ["--eval=1", "-"])
def test_a_value_that_is_a_whole_argument_is_no_option(value: str) -> None:
    field = CredentialField(name="dsn", place=Place.ARGUMENT)
    with pytest.raises(InvalidInputError, match="for an option") as refusal:
        check_value(field, value)
    assert value not in refusal.value.message.replace("'-'", "")
    check_value(replace(field, template="--dsn={}"), value)
    check_value(replace(field, place=Place.ENVIRONMENT, target="DSN"), value)
