"""An issuer is asked about tokens: only `true` is active, a flood does not reach it, and no failure lets a token in."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.people.issuers import Issuer, KeySource
from ambassador_server.domain.people.token_claims import TokenFault, TokenIdentity, read_claims
from ambassador_server.errors import InvalidInputError
from ambassador_server.guarded_http.requests import Answer, GuardedHttp
from ambassador_server.identity import introspection
from ambassador_server.identity.introspection import (
    INACTIVE_SECONDS,
    MOST_QUESTIONS,
    Introspector,
    read_answer,
)
from ambassador_server.identity.introspection_client import IntrospectionClient
from ambassador_server.identity.token_form import LONGEST_TOKEN, check_opaque, is_opaque
from ambassador_server.ports.token_verifier import Refusal
from tests.conformance.store_samples import NOW
from tests.conformance.store_samples import issuer as sample
from tests.fakes.clock import ManualClock
from tests.fakes.issuer import EC, ED, RSA, IssuerServer, SigningKey, claims_of, issuer_server, sign

TOKEN = "opaque-token-of-alice"
SECRET = "the secret: of this / server"


@pytest.fixture
async def server() -> AsyncIterator[IssuerServer]:
    async with issuer_server() as started:
        started.answers[TOKEN] = {"active": True, **claims_of(started.url)}
        yield started


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def introspector(clock: ManualClock) -> Introspector:
    return Introspector(IntrospectionClient(GuardedHttp(seconds=5)), clock.monotonic)


@pytest.fixture
def issuer(server: IssuerServer, monkeypatch: pytest.MonkeyPatch) -> Issuer:
    monkeypatch.setenv("CLIENT_SECRET", SECRET)
    return asked(server)


def asked(server: IssuerServer, **changes: Any) -> Issuer:
    fields = {
        "url": server.url,
        "algorithms": (),
        "key_source": KeySource.INTROSPECTION,
        "key_place": None,
        "client_id": "am bassador",
        "client_secret": "env://CLIENT_SECRET",
        "private_addresses": True,
    }
    return sample(**{**fields, **changes})


def fault(found: Mapping[str, Any] | Refusal) -> TokenFault | None:
    return found.fault if isinstance(found, Refusal) else None


def basic(headers: Mapping[str, str]) -> str:
    return base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()


async def test_an_active_token_is_what_the_issuer_says(
    introspector: Introspector, server: IssuerServer, issuer: Issuer
) -> None:
    found = await introspector.verify(TOKEN, issuer)
    assert not isinstance(found, Refusal)
    assert (found["sub"], found["active"]) == ("subject-1", True)
    ((headers, form),) = server.questions
    assert basic(headers) == "am%20bassador:the%20secret%3A%20of%20this%20%2F%20server"
    assert form == {"token": TOKEN, "token_type_hint": "access_token"}
    assert fault(await introspector.verify("unknown", issuer)) is TokenFault.INACTIVE


async def test_a_signed_token_is_asked_about_as_well(
    introspector: Introspector, server: IssuerServer, issuer: Issuer
) -> None:
    token = sign(claims_of(server.url))
    assert fault(await introspector.verify(token, issuer)) is TokenFault.INACTIVE, "it may have been revoked"


@pytest.mark.parametrize(
    ("offered", "method"),
    [
        (["client_secret_post"], "post"),
        (["client_secret_basic", "client_secret_post"], "basic"),
        (None, "basic"),
        (["private_key_jwt"], None),
        ([], None),
    ],
)
async def test_a_secret_is_shown_in_the_way_that_the_issuer_offers(
    introspector: Introspector, server: IssuerServer, issuer: Issuer, offered: Any, method: str | None
) -> None:
    document = {"issuer": server.url, "introspection_endpoint": f"{server.url}/introspect"}
    server.document = document | (
        {} if offered is None else {"introspection_endpoint_auth_methods_supported": offered}
    )
    found = await introspector.verify(TOKEN, issuer)
    if method is None:
        assert isinstance(found, Refusal)
        assert (found.fault, server.questions) == (TokenFault.INTROSPECTION_FAILED, [])
        assert "offers none of the ways" in found.detail
        return
    assert fault(found) is None
    ((headers, form),) = server.questions
    assert ("Authorization" in headers) == (method == "basic")
    assert form.get("client_secret") == (SECRET if method == "post" else None)


async def test_at_a_given_url_both_ways_are_tried(
    introspector: Introspector, server: IssuerServer, issuer: Issuer
) -> None:
    server.status = 401
    at_url = asked(server, key_place=f"{server.url}/introspect")
    found = await introspector.verify(TOKEN, at_url)
    assert found == Refusal(TokenFault.INTROSPECTION_FAILED, "127.0.0.1 answered HTTP 401")
    assert ["Authorization" in headers for headers, _ in server.questions] == [True, False]


@pytest.mark.parametrize("key", [RSA, EC, ED], ids=["rsa", "ec", "ed"])
async def test_a_private_key_signs_an_assertion(
    introspector: Introspector, server: IssuerServer, tmp_path: Path, key: SigningKey
) -> None:
    pem = key.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key").write_bytes(pem)
    issuer = asked(server, client_secret=f"file://{tmp_path / 'key'}", key_place=f"{server.url}/introspect")
    assert fault(await introspector.verify(TOKEN, issuer)) is None
    ((headers, form),) = server.questions
    assert "Authorization" not in headers
    claims = jwt.decode(
        form["client_assertion"], key.key.public_key(), algorithms=[key.algorithm], audience=server.url
    )
    assert (claims["iss"], claims["sub"], claims["exp"] - claims["iat"]) == ("am bassador", "am bassador", 60)
    assert form["client_assertion_type"].endswith(":jwt-bearer")
    (tmp_path / "broken").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")
    broken = asked(
        server, client_secret=f"file://{tmp_path / 'broken'}", key_place=f"{server.url}/introspect"
    )
    found = await introspector.verify(TOKEN, broken)
    assert isinstance(found, Refusal)
    assert (found.fault, "no private key" in found.detail) == (TokenFault.INTROSPECTION_FAILED, True)


async def test_a_secret_that_was_replaced_is_read_again(
    introspector: Introspector,
    server: IssuerServer,
    issuer: Issuer,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    issuer = asked(server, key_place=f"{server.url}/introspect")
    assert fault(await introspector.verify(TOKEN, issuer)) is None
    monkeypatch.setenv("CLIENT_SECRET", "another")
    clock.advance(31)
    server.status = 401
    assert fault(await introspector.verify(TOKEN, issuer)) is TokenFault.INTROSPECTION_FAILED
    assert server.questions[-1][1]["client_secret"] == "another"
    server.questions.clear()
    assert fault(await introspector.verify(TOKEN, issuer)) is TokenFault.INTROSPECTION_FAILED
    assert len(server.questions) == 2, "the secret is not read again for each token"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"padding": 10 * 1024 * 1024}, "more than 1048576 bytes"),
        ({"status": 500}, "HTTP 500"),
        ({"status": 403}, "HTTP 403"),
        ({"answers": {TOKEN: "<html>"}}, "did not answer whether"),
        ({"answers": {TOKEN: ""}}, "did not answer whether"),
        ({"answers": {TOKEN: "[true]"}}, "did not answer whether"),
        ({"answers": {TOKEN: "[" * 100_000}}, "did not answer whether"),
        ({"location": "https://127.0.0.1/introspect"}, "HTTP 307"),
    ],
    ids=str,
)
async def test_answers_that_say_nothing_let_no_token_in(
    introspector: Introspector, server: IssuerServer, issuer: Issuer, changes: dict[str, Any], words: str
) -> None:
    assert fault(await introspector.verify("another", issuer)) is TokenFault.INACTIVE, "the endpoint is found"
    for name, value in changes.items():
        setattr(server, name, value)
    found = await introspector.verify(TOKEN, issuer)
    assert isinstance(found, Refusal)
    assert found.fault is TokenFault.INTROSPECTION_FAILED
    assert words in found.detail
    assert TOKEN not in repr(found)
    assert SECRET not in repr(found)


async def test_an_issuer_that_never_answers_keeps_nobody_waiting_and_many_questions_do_not_pile_up(
    server: IssuerServer, issuer: Issuer, clock: ManualClock
) -> None:
    impatient = Introspector(IntrospectionClient(GuardedHttp(seconds=0.5)), clock.monotonic)
    assert fault(await impatient.verify("another", issuer)) is TokenFault.INACTIVE
    server.questions.clear()
    server.wait = asyncio.Event()
    found = await asyncio.gather(
        *(impatient.verify(f"token-{n}", issuer) for n in range(MOST_QUESTIONS + 20))
    )
    assert {fault(each) for each in found} == {TokenFault.INTROSPECTION_FAILED}
    assert len(server.questions) <= MOST_QUESTIONS
    assert sum("too many questions" in each.detail for each in found if isinstance(each, Refusal)) == 20
    server.wait.set()
    server.wait = None
    assert fault(await impatient.verify(TOKEN, issuer)) is None, "no question stays counted"


async def test_those_who_come_together_ask_once_and_one_who_leaves_disturbs_none(
    introspector: Introspector, server: IssuerServer, issuer: Issuer
) -> None:
    assert fault(await introspector.verify("another", issuer)) is TokenFault.INACTIVE
    server.questions.clear()
    server.was_asked.clear()
    server.wait = asyncio.Event()
    first, *others = [asyncio.ensure_future(introspector.verify(TOKEN, issuer)) for _ in range(50)]
    await server.was_asked.wait()
    first.cancel()
    server.wait.set()
    assert [fault(each) for each in await asyncio.gather(*others)] == [None] * 49
    assert len(server.questions) == 1


async def test_an_inactive_token_is_not_asked_about_again_for_a_while(
    introspector: Introspector, server: IssuerServer, issuer: Issuer, clock: ManualClock
) -> None:
    for _ in range(5):
        assert fault(await introspector.verify("stolen", issuer)) is TokenFault.INACTIVE
    assert len(server.questions) == 1
    server.answers["stolen"] = server.answers[TOKEN]
    clock.advance(INACTIVE_SECONDS)
    assert fault(await introspector.verify("stolen", issuer)) is None
    changed = asked(server, client_id="other")
    assert fault(await introspector.verify("unknown", issuer)) is TokenFault.INACTIVE
    server.answers["unknown"] = server.answers[TOKEN]
    assert fault(await introspector.verify("unknown", changed)) is None, "what was said to another client"


async def test_what_is_remembered_of_inactive_tokens_is_bounded(
    issuer: Issuer, clock: ManualClock, server: IssuerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(introspection, "MOST_INACTIVE", 50)

    class Silent(IntrospectionClient):
        """Says that no token is active."""

        async def ask(self, *_: object) -> Answer:
            return Answer("here", 200, b'{"active":false}')

    introspector = Introspector(Silent(GuardedHttp()), clock.monotonic)
    for number in range(60):
        await introspector.verify(f"token-{number}", issuer)
    assert len(introspector._inactive) == 50


ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from(
    ["active", "iss", "aud", "exp", "nbf", "sub", "scope", "username", "groups", "token_type", "typ", "cnf"]
)


@given(st.dictionaries(MEMBERS, ANY, max_size=12))
def test_any_answer_is_read_and_only_true_is_active(document: dict[str, Any]) -> None:
    issuer = sample(url="https://login.example.com", user_claims=("username",))
    found = read_answer(Answer("host", 200, json.dumps(document).encode()), issuer)
    if isinstance(found, Refusal):
        return
    assert document["active"] is True
    read = read_claims(found, issuer, NOW)
    assert isinstance(read, TokenIdentity | TokenFault)
    if isinstance(read, TokenIdentity):
        assert document.get("iss", issuer.url) == issuer.url
        assert "cnf" not in document


@pytest.mark.parametrize("active", [1, 1.0, "true", "True", "yes", [True], {"a": 1}, None, 0, ""])
def test_only_true_is_active(active: Any) -> None:
    document = {"active": active, **claims_of("https://login.example.com")}
    found = read_answer(Answer("host", 200, json.dumps(document).encode()), sample())
    assert fault(found) is TokenFault.INTROSPECTION_FAILED


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"token_type": "DPoP"}, TokenFault.BOUND_TO_KEY),
        ({"token_type": ["Bearer"]}, TokenFault.BOUND_TO_KEY),
        ({"token_type": None}, TokenFault.BOUND_TO_KEY),
        ({"token_type": "bearer"}, None),
        ({"typ": "Refresh"}, TokenFault.WRONG_TYPE),
        ({"typ": "ID"}, TokenFault.WRONG_TYPE),
        ({"typ": "Bearer"}, None),
    ],
)
def test_tokens_of_other_kinds_are_refused(changes: dict[str, Any], expected: TokenFault | None) -> None:
    document = {"active": True, **claims_of("https://login.example.com"), **changes}
    found = read_answer(Answer("host", 200, json.dumps(document).encode()), sample())
    assert fault(found) is expected


@pytest.mark.parametrize(
    ("token", "opaque"),
    [
        ("ey", True),
        ("eyJhbGciOi", True),
        ("eyJhbGciOi.eyJpc3Mi.c2ln", False),
        ("eyJhbGciOi.a.b.c.d", True),
        ("v1.local.token", True),
        ("0123456789", True),
    ],
)
def test_what_is_not_signed_is_opaque(token: str, opaque: bool) -> None:
    assert is_opaque(token) is opaque


def test_texts_that_are_no_tokens_are_shown_to_no_issuer() -> None:
    for text in ("", "two words", "line\nbreak", "a=b", "a&token=b", "ä", "x" * (LONGEST_TOKEN + 1)):
        assert check_opaque(text) is not None, text
    for text in ("abc", "a-b._~+/c==", "x" * LONGEST_TOKEN):
        assert check_opaque(text) is None


def test_where_and_with_what_an_issuer_is_asked_is_checked(
    introspector: Introspector, server: IssuerServer, issuer: Issuer
) -> None:
    introspector.check(issuer)
    with pytest.raises(InvalidInputError, match="https://"):
        introspector.check(asked(server, private_addresses=False))
    with pytest.raises(InvalidInputError, match="https://"):
        introspector.check(asked(server, key_place="http://login.example.com/introspect"))
    with pytest.raises(InvalidInputError, match="given by reference"):
        introspector.check(asked(server, client_secret="plain"))
    with pytest.raises(InvalidInputError, match="setting of this server"):
        introspector.check(asked(server, client_secret="env://MCP_AMBASSADOR_DATABASE_URL"))
