"""What is no good token of its issuer is refused, whatever it declares."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.people.issuers import Algorithm, Issuer, KeySource
from ambassador_server.domain.people.token_claims import TokenFault
from ambassador_server.errors import InvalidInputError
from ambassador_server.guarded_http.requests import GuardedHttp
from ambassador_server.identity.key_set import read_key_set
from ambassador_server.identity.key_sources import KeySources
from ambassador_server.identity.token_form import LONGEST_TOKEN, TokenForm, read_form
from ambassador_server.identity.verification import JwtVerifier
from ambassador_server.ports.token_verifier import Refusal
from tests.conformance.store_samples import issuer as sample
from tests.fakes.clock import ManualClock
from tests.fakes.issuer import EC, ED, OTHER_RSA, RSA, IssuerServer, claims_of, issuer_server, sign

SECRET = "a secret of thirty-two bytes, or more"


@pytest.fixture
async def server() -> AsyncIterator[IssuerServer]:
    async with issuer_server() as started:
        yield started


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def verifier(clock: ManualClock) -> JwtVerifier:
    return JwtVerifier(KeySources(GuardedHttp(seconds=5)), clock.monotonic)


def trusted(server: IssuerServer, **changes: Any) -> Issuer:
    return sample(url=server.url, private_addresses=True, **changes)


def fault(found: Mapping[str, Any] | Refusal) -> TokenFault | None:
    return found.fault if isinstance(found, Refusal) else None


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("key", "algorithm"), [(RSA, Algorithm.RS256), (EC, Algorithm.ES256), (ED, Algorithm.EDDSA)]
)
async def test_a_token_of_the_issuer_is_verified(
    verifier: JwtVerifier, server: IssuerServer, key: Any, algorithm: Algorithm
) -> None:
    server.keys = [key.public()]
    claims = claims_of(server.url)
    assert await verifier.verify(sign(claims, key), trusted(server, algorithms=(algorithm,))) == claims


async def test_keys_at_a_url_need_no_discovery(verifier: JwtVerifier, server: IssuerServer) -> None:
    server.document = {"issuer": "https://other.example.com", "jwks_uri": f"{server.url}/keys"}
    claims, issuer = claims_of(server.url), trusted(server)
    refused = await verifier.verify(sign(claims), issuer)
    assert refused == Refusal(
        TokenFault.KEYS_UNAVAILABLE, "The document at 127.0.0.1 is about another issuer."
    )
    at_url = trusted(server, key_source=KeySource.JWKS, key_place=f"{server.url}/keys")
    assert await verifier.verify(sign(claims), at_url) == claims


async def test_a_token_without_a_signature_is_refused(verifier: JwtVerifier, server: IssuerServer) -> None:
    claims = claims_of(server.url)
    for spelling in ("none", "None", "NONE", ""):
        token = f"{encoded({'alg': spelling, 'kid': RSA.key_id})}.{encoded(claims)}."
        found = await verifier.verify(token, trusted(server))
        assert fault(found) is TokenFault.ALGORITHM_NOT_ALLOWED
    stripped = sign(claims).rpartition(".")[0] + "."
    assert fault(await verifier.verify(stripped, trusted(server))) is TokenFault.WRONG_SIGNATURE


async def test_a_public_key_is_no_secret(
    verifier: JwtVerifier, server: IssuerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = RSA.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    parts = f"{encoded({'alg': 'HS256', 'kid': RSA.key_id})}.{encoded(claims_of(server.url))}"
    signature = base64.urlsafe_b64encode(hmac.digest(public, parts.encode(), hashlib.sha256))
    token = f"{parts}.{signature.rstrip(b'=').decode()}"
    assert fault(await verifier.verify(token, trusted(server))) is TokenFault.ALGORITHM_NOT_ALLOWED
    # Nor is it one if a table that was written by other means mixes the two.
    mixed = trusted(server, algorithms=(Algorithm.RS256, Algorithm.HS256))
    assert fault(await verifier.verify(token, mixed)) is TokenFault.UNKNOWN_KEY


async def test_a_shared_secret_verifies_and_a_short_one_does_not(
    verifier: JwtVerifier, server: IssuerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer = trusted(
        server, algorithms=(Algorithm.HS256,), key_source=KeySource.SECRET, key_place="env://SHARED"
    )
    claims = claims_of(server.url)
    monkeypatch.setenv("SHARED", SECRET)
    assert await verifier.verify(jwt.encode(claims, SECRET), issuer) == claims
    wrong = jwt.encode(claims, SECRET + "x")
    assert fault(await verifier.verify(wrong, issuer)) is TokenFault.WRONG_SIGNATURE
    monkeypatch.setenv("SHORT", "password")
    weak = trusted(
        server, algorithms=(Algorithm.HS256,), key_source=KeySource.SECRET, key_place="env://SHORT"
    )
    found = await verifier.verify(jwt.encode(claims, SECRET), weak)
    assert isinstance(found, Refusal)
    assert (found.fault, "fewer than 32 bytes" in found.detail) == (TokenFault.KEYS_UNAVAILABLE, True)


@pytest.mark.parametrize(
    "key_id",
    ["unknown", "../../dev/null", "rsa-1' OR '1'='1", "http://127.0.0.1/keys", "rsa-1\x00", "", "x" * 255],
)
async def test_the_name_of_a_key_is_only_compared(
    verifier: JwtVerifier, server: IssuerServer, key_id: str
) -> None:
    token = sign(claims_of(server.url), headers={"kid": key_id})
    assert fault(await verifier.verify(token, trusted(server))) is TokenFault.UNKNOWN_KEY


async def test_a_huge_or_strange_name_of_a_key_is_refused(
    verifier: JwtVerifier, server: IssuerServer
) -> None:
    signature = sign(claims_of(server.url)).rpartition(".")[2]
    for key_id in ("x" * 256, "x" * 3000, "x" * 10_000, 7, None, ["rsa-1"], {"a": 1}):
        header = {"alg": "RS256", "typ": "JWT", "kid": key_id}
        token = f"{encoded(header)}.{encoded(claims_of(server.url))}.{signature}"
        expected = TokenFault.WRONG_SIGNATURE if key_id is None else TokenFault.MALFORMED
        assert fault(await verifier.verify(token, trusted(server))) is expected, key_id


async def test_keys_that_are_rotated_while_the_server_runs_are_found(
    verifier: JwtVerifier, server: IssuerServer, clock: ManualClock
) -> None:
    claims, issuer = claims_of(server.url), trusted(server)
    assert fault(await verifier.verify(sign(claims), issuer)) is None
    server.keys = [OTHER_RSA.public()]
    clock.advance(31)
    assert fault(await verifier.verify(sign(claims, OTHER_RSA), issuer)) is None
    assert fault(await verifier.verify(sign(claims), issuer)) is TokenFault.UNKNOWN_KEY, "it was taken away"


async def test_keys_that_a_token_brings_are_not_used(verifier: JwtVerifier, server: IssuerServer) -> None:
    async with issuer_server() as other:
        other.keys = [OTHER_RSA.public(kid=RSA.key_id)]
        brought = {"jwk": OTHER_RSA.public(), "jku": f"{other.url}/keys", "x5u": f"{other.url}/keys"}
        for name, value in brought.items():
            headers = {"kid": RSA.key_id, name: value}
            token = sign(claims_of(server.url), OTHER_RSA, headers=headers)
            assert fault(await verifier.verify(token, trusted(server))) is TokenFault.WRONG_SIGNATURE
            good = sign(claims_of(server.url), headers=headers)
            assert fault(await verifier.verify(good, trusted(server))) is None
        assert other.asked == 0


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"typ": "at+jwt"}, None),
        ({"typ": "application/AT+JWT"}, None),
        ({"typ": "oauth-id-jag+jwt"}, TokenFault.WRONG_TYPE),
        ({"typ": "logout+jwt"}, TokenFault.WRONG_TYPE),
        ({"typ": "dpop+jwt"}, TokenFault.WRONG_TYPE),
        ({"crit": ["exp"]}, TokenFault.NEEDS_EXTENSION),
    ],
)
async def test_other_kinds_of_tokens_are_refused(
    verifier: JwtVerifier, server: IssuerServer, headers: dict[str, Any], expected: TokenFault | None
) -> None:
    token = sign(claims_of(server.url), headers=headers)
    assert fault(await verifier.verify(token, trusted(server))) is expected


async def test_keys_that_are_no_keys_for_signatures_are_left_out(
    verifier: JwtVerifier, server: IssuerServer
) -> None:
    private = {**RSA.public(), "d": "AQAB"}
    server.keys = [
        RSA.public(use="enc"),
        RSA.public(alg="RS512"),
        private,
        {"kty": "oct", "k": "c2VjcmV0", "kid": RSA.key_id, "alg": "RS256"},
        {**RSA.public(), "n": "AQAB"},
        {"kty": "RSA", "kid": RSA.key_id},
        {**RSA.public(), "kid": 7},
        EC.public(kid=RSA.key_id),
        "nonsense",  # type: ignore[list-item]
        {},
    ]
    found = await verifier.verify(sign(claims_of(server.url)), trusted(server))
    assert fault(found) is TokenFault.UNKNOWN_KEY


async def test_a_token_that_names_no_key_has_to_leave_no_choice(
    verifier: JwtVerifier, server: IssuerServer, clock: ManualClock
) -> None:
    unnamed = jwt.encode(claims_of(server.url), RSA.key, algorithm="RS256")
    assert fault(await verifier.verify(unnamed, trusted(server))) is None
    server.keys = [RSA.public(), OTHER_RSA.public()]
    clock.advance(4000)
    assert fault(await verifier.verify(unnamed, trusted(server))) is TokenFault.UNKNOWN_KEY


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"padding": 10 * 1024 * 1024}, "more than 1048576 bytes"),
        ({"status": 500}, "HTTP 500"),
        ({"keys": []}, "no key that tokens can be verified with"),
    ],
)
async def test_key_documents_that_cannot_be_used_refuse_every_token(
    verifier: JwtVerifier, server: IssuerServer, changes: dict[str, Any], words: str
) -> None:
    for name, value in changes.items():
        setattr(server, name, value)
    found = await verifier.verify(sign(claims_of(server.url)), trusted(server))
    assert isinstance(found, Refusal)
    assert found.fault is TokenFault.KEYS_UNAVAILABLE
    assert words in found.detail


async def test_an_issuer_that_never_answers_keeps_nobody_waiting(
    clock: ManualClock, server: IssuerServer
) -> None:
    server.wait = asyncio.Event()
    impatient = JwtVerifier(KeySources(GuardedHttp(seconds=0.2)), clock.monotonic)
    token = sign(claims_of(server.url))
    found = await asyncio.gather(*(impatient.verify(token, trusted(server)) for _ in range(20)))
    assert {fault(each) for each in found} == {TokenFault.KEYS_UNAVAILABLE}
    assert server.asked == 1
    server.wait.set()


async def test_private_addresses_are_dialled_only_where_that_is_permitted(
    verifier: JwtVerifier, server: IssuerServer
) -> None:
    inward = f"{server.url}/keys"
    server.document = {
        "issuer": server.url,
        "jwks_uri": inward.replace("http://127.0.0.1", "http://10.0.0.1"),
    }
    found = await verifier.verify(sign(claims_of(server.url)), trusted(server))
    assert fault(found) is TokenFault.KEYS_UNAVAILABLE
    with pytest.raises(InvalidInputError, match="https://"):
        verifier.check(sample(url=server.url))
    with pytest.raises(InvalidInputError, match="given by reference"):
        verifier.check(trusted(server, key_source=KeySource.SECRET, key_place="plain"))
    with pytest.raises(InvalidInputError, match="setting of this server"):
        verifier.check(
            trusted(server, key_source=KeySource.SECRET, key_place="env://MCP_AMBASSADOR_DATABASE_URL")
        )


@given(st.text(max_size=300) | st.text(alphabet="abcXYZ019-_.=", max_size=300))
def test_any_text_has_a_form_or_a_fault(text: str) -> None:
    assert isinstance(read_form(text), TokenForm | Refusal)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


@given(header=JSON | st.fixed_dictionaries({"alg": JSON, "kid": JSON, "typ": JSON}), claims=JSON)
def test_any_json_has_a_form_or_a_fault(header: Any, claims: Any) -> None:
    assert isinstance(read_form(f"{encoded(header)}.{encoded(claims)}.x"), TokenForm | Refusal)


def test_a_huge_or_deep_token_is_not_decoded() -> None:
    assert fault(read_form("x" * (LONGEST_TOKEN + 1))) is TokenFault.TOO_LONG  # type: ignore[arg-type]
    deep = base64.urlsafe_b64encode(b"[" * 6000).decode()
    assert fault(read_form(f"{encoded({})}.{deep}.x")) is TokenFault.MALFORMED  # type: ignore[arg-type]


@given(
    st.dictionaries(
        st.sampled_from(["kty", "n", "e", "crv", "x", "y", "kid", "use", "alg", "d", "k", "key_ops"]),
        JSON | st.sampled_from(["RSA", "EC", "OKP", "P-256", "P-521", "Ed25519", "AQAB", RSA.public()["n"]]),
    )
    | JSON
)
def test_any_document_is_read_as_a_set_of_good_keys(key: Any) -> None:
    for document in ({"keys": [key]}, {"keys": key}, {"keys": [RSA.public(), key]}):
        for each in read_key_set(document).keys:
            assert each.algorithms
            assert "HS256" not in each.algorithms
