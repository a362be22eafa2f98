"""No planted secret survives redaction in any place; other values stay; the result and the time are bounded."""

import base64
import json
import string
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ambassador_server.domain.catalog.mcps import ArgumentPolicy
from ambassador_server.domain.secrets.card_numbers import is_card_number
from ambassador_server.domain.secrets.option_masking import mask_options
from ambassador_server.domain.secrets.redaction import Bounds, redact, redact_details
from ambassador_server.domain.secrets.secret_names import is_secret_name
from ambassador_server.domain.secrets.shapes import mask_text
from ambassador_server.domain.secrets.tokens import (
    ADMIN_KEY_PREFIX,
    PRESHARED_KEY_PREFIX,
    SESSION_TOKEN_PREFIX,
    mint_key,
)
from tests.effort import examples

ALNUM = string.ascii_letters + string.digits
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


def redacted(value: Any) -> Any:
    return redact(value, ArgumentPolicy.REDACTED)


def issued(prefix: str, length: int, alphabet: str = ALNUM) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=length, max_size=length + 20).map(lambda body: prefix + body)


def luhn(digits: str) -> str:
    return next(digits + last for last in string.digits if is_card_number(digits + last))


def grouped(digits: str, separator: str) -> str:
    return separator.join(digits[start : start + 4] for start in range(0, len(digits), 4))


CARDS = st.builds(
    grouped,
    st.text(string.digits, min_size=14, max_size=14).map(lambda body: luhn(f"4{body}")),
    st.sampled_from(["", " ", "-"]),
)
JWTS = st.builds(
    lambda claims, signature: ".".join(
        [
            base64.urlsafe_b64encode(part).decode().rstrip("=")
            for part in (b'{"alg":"HS256","typ":"JWT"}', json.dumps({"sub": claims}).encode(), signature)
        ]
    ),
    st.text(ALNUM, min_size=5, max_size=40),
    st.binary(min_size=32, max_size=32),
)
PEMS = st.builds(
    lambda kind, body: f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----",
    st.sampled_from(["", "RSA ", "EC ", "OPENSSH "]),
    st.text(ALNUM + "+/=\n", min_size=60, max_size=200),
)
OWN_KEYS = st.sampled_from([PRESHARED_KEY_PREFIX, SESSION_TOKEN_PREFIX, ADMIN_KEY_PREFIX]).map(mint_key)
SHAPED = st.one_of(
    OWN_KEYS,
    *(issued(prefix, 30) for prefix in ("ghp_", "gho_", "github_pat_", "glpat-", "npm_", "hf_", "gsk_")),
    *(issued(prefix, 24) for prefix in ("xoxb-", "xoxp-", "sk_live_", "rk_test_", "whsec_", "ya29.", "hvs.")),
    issued("sk-", 32, ALNUM + "-_"),
    issued("sk-proj-", 40, ALNUM + "-_"),
    issued("AKIA", 16, string.ascii_uppercase + string.digits),
    issued("AIza", 35, ALNUM + "-_"),
    CARDS,
    JWTS,
    PEMS,
    issued("Bearer ", 20, ALNUM + "._-"),
    st.builds(
        lambda user, secret: "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode(),
        st.text(ALNUM, min_size=3, max_size=10),
        st.text(ALNUM, min_size=8, max_size=20),
    ),
)
DELIMITERS = st.sampled_from(
    ["", " ", "\n", "\t", '"', "'", "=", ": ", "(", ",", "/", "?x=", "[", "\\n", "%20"]
)


@st.composite
def planted(draw: st.DrawFn, leaf: st.SearchStrategy[Any]) -> Any:
    """A JSON value with the leaf somewhere in it, as a member, an item, or a name."""
    value = draw(leaf)
    for _ in range(draw(st.integers(0, 6))):
        around = draw(st.lists(JSON, max_size=2))
        if draw(st.booleans()):
            value = [*around, value, *around]
        else:
            name = (
                value if isinstance(value, str) and draw(st.booleans()) else draw(st.text(ALNUM, max_size=8))
            )
            value = {**{f"m{n}": other for n, other in enumerate(around)}, name: value}
    return value


def texts_in(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.items() for part in item for text in texts_in(part)]
    if isinstance(value, list):
        return [text for item in value for text in texts_in(item)]
    return [value if isinstance(value, str) else json.dumps(value)]


def core_of(secret: str) -> str:
    """Return the part that must be masked; the words `Bearer` and `Basic` may stay."""
    return secret.split(" ", 1)[1] if secret.startswith(("Bearer", "Basic")) else secret


def assert_gone(secret: str, result: Any) -> None:
    assert not [text for text in texts_in(result) if core_of(secret) in text]


def plant(data: st.DataObject, value: Any, secret: str) -> Any:
    """Put the value into a document in which nothing else looks like the secret."""
    whole = data.draw(planted(st.just(value)))
    assume(sum(text.count(core_of(secret)) for text in texts_in(whole)) == 1)
    return whole


@given(st.data())
def test_no_secret_shape_survives_any_nesting(data: st.DataObject):
    secret = data.draw(SHAPED)
    before, after = data.draw(st.text(max_size=20)), data.draw(st.text(max_size=20))
    opening, closing = data.draw(DELIMITERS), data.draw(DELIMITERS)
    if not opening and before[-1:].isalnum():
        opening = " "
    if not closing and (after[:1].isalnum() or after[:1] in "-_+/=."):
        closing = " "
    text = f"{before}{opening}{secret}{closing}{after}"
    assert_gone(secret, redacted(plant(data, text, secret)))


WRITTEN_NAMES = [
    *("password", "passwd", "passphrase", "secret", "client_secret", "token", "access_token", "api_key"),
    *(
        "apikey",
        "x-api-key",
        "authorization",
        "cookie",
        "set-cookie",
        "credential",
        "credentials",
        "private_key",
    ),
    *("aws_secret_access_key", "db_password", "refresh token", "ssh_key"),
]
SHORT_NAMES = ["bearer", "smtp.pass", "basic_auth", "otp"]
OPAQUE = st.text(ALNUM, min_size=12, max_size=40).filter(lambda text: not text.isdigit())


@st.composite
def written_otherwise(draw: st.DrawFn, names: list[str]) -> str:
    """A secret's name in another case, with other separators."""
    words = draw(st.sampled_from(names)).replace("-", "_").replace(".", "_").replace(" ", "_").split("_")
    style = draw(st.sampled_from([str.lower, str.upper, str.title]))
    styled = [style(word) for word in words]
    if draw(st.booleans()):
        return words[0] + "".join(word.title() for word in words[1:])
    return draw(st.sampled_from(["_", "-", ".", " "])).join(styled)


@given(st.data())
def test_no_value_under_a_secret_name_survives(data: st.DataObject):
    name, secret = data.draw(written_otherwise(WRITTEN_NAMES + SHORT_NAMES)), data.draw(OPAQUE)
    holder = data.draw(
        st.sampled_from([secret, [secret], {"inner": secret}, {"a": [{"b": secret}]}, f"two words {secret}"])
    )
    assert_gone(secret, redacted(plant(data, {name: holder, "kept": "visible"}, secret)))


@given(name=written_otherwise(WRITTEN_NAMES), secret=OPAQUE, layers=st.integers(1, 2))
def test_no_secret_survives_inside_json_text(name: str, secret: str, layers: int):
    text: Any = {"user": "ann", name: secret, "after": 1}
    for _ in range(layers):
        text = json.dumps(text)
    assert_gone(secret, redacted({"body": text}))


@given(secret=SHAPED, position=st.integers(-120, 40))
def test_no_part_of_a_secret_survives_where_text_is_cut(secret: str, position: int):
    bounds = Bounds(text=500)
    text = ("lorem ipsum " * 60)[: 500 + position] + " " + secret + " dolor" * 400
    kept = redact(text, ArgumentPolicy.REDACTED, bounds)
    assert core_of(secret)[:16] not in kept
    assert "[cut: " in kept


@given(JSON)
def test_every_json_value_can_be_recorded(value: Any):
    for policy in ArgumentPolicy:
        json.dumps(redact(value, policy))
    assert json.dumps(redact(value, ArgumentPolicy.FULL)) == json.dumps(value)
    assert redact(value, ArgumentPolicy.NONE) is None


@given(JSON)
def test_redacting_twice_changes_nothing_more(value: Any):
    once = redacted(value)
    assert json.dumps(redacted(once)) == json.dumps(once)


@given(
    st.recursive(
        st.sampled_from(
            ["weather in Bern", "2026-01-31", "a-b_c.d", "/srv/data.csv", "https://x.example/a?b=c", "é"]
        )
        | st.none()
        | st.booleans()
        | st.integers(-(10**9), 10**9),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["city", "page", "keyboard", "author", "issue_key"]), inner, max_size=4
            )
        ),
        max_leaves=20,
    )
)
def test_values_that_are_no_secrets_stay(value: Any):
    assert redacted(value) == value


@given(JSON)
def test_keys_keeps_structure_and_no_value(value: Any):
    types = {"string", "number", "boolean", "null"}

    def check(original: Any, outline: Any) -> None:
        if isinstance(original, dict):
            for name, item in zip(original, outline, strict=True):
                check(original[name], outline[item])
        elif isinstance(original, list):
            for one, other in zip(original, outline, strict=True):
                check(one, other)
        else:
            assert outline in types

    check(value, redact(value, ArgumentPolicy.KEYS))


@given(secret=SHAPED)
def test_keys_masks_secrets_used_as_names(secret: str):
    assert_gone(secret, redact({secret: 1, "a": [{secret: None}]}, ArgumentPolicy.KEYS))


@given(
    st.lists(
        st.text(max_size=3000) | st.dictionaries(st.text(max_size=600), st.text(max_size=600)), max_size=40
    )
)
@examples(20)
def test_result_is_bounded(value: list[Any]):
    for policy in (ArgumentPolicy.REDACTED, ArgumentPolicy.KEYS):
        result = redact(value, policy)
        assert sum(map(len, texts_in(result))) < 18_000


def nested(depth: int) -> Any:
    value: Any = "bottom"
    for _ in range(depth):
        value = {"in": [value]}
    return value


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (nested(5000), "[cut: nested too deep]"),
        (list(range(100_000)), "more items]"),
        ({f"n{number}": number for number in range(100_000)}, "more members"),
        ("é" * 1_000_000, "[cut: 995904 more characters]"),
        ({"n" * 100_000: 1}, "[cut: 99744 more characters]"),
        (["y" * 4000] * 10, "[cut: 5 more items]"),
        (10**5000, "[cut: an integer of 16610 bits]"),
    ],
    ids=["depth", "items", "members", "text", "name", "size", "integer"],
)
def test_cut_values_are_marked(value: Any, what: str):
    text = json.dumps(redacted(value), ensure_ascii=False)
    assert what in text
    assert len(text) < 40_000


def test_name_cut_short_still_hides_its_value():
    assert redacted({"x" * 400 + "password": "hunter2"}) == {
        "x" * 256 + "[cut: 152 more characters]": "[redacted]",
    }
    assert "hunter2" not in str(redacted({"x" * 10**6: "hunter2"}))


def test_names_that_look_alike_when_masked_are_both_kept():
    keys = [mint_key(PRESHARED_KEY_PREFIX), mint_key(PRESHARED_KEY_PREFIX)]
    assert list(redacted(dict.fromkeys(keys, 1))) == ["[redacted]", "[redacted] (1)"]


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "PASSWORD",
        "userPassword",
        "X-Api-Key",
        "A.P.I.K.E.Y",
        "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44",
        "auth",
        "OTP",
        "dbPass",
        "JWT",
    ],
)
def test_secret_names(name: str):
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["author", "passenger", "key", "compass", "tokenizer", "secretary", "spin", "pass_rate", "issueKey", ""],
)
def test_ordinary_names(name: str):
    assert not is_secret_name(name)


def test_booleans_null_and_token_counts_stay_under_secret_names():
    value = {"use_password": True, "token": None, "cookies": [], "secret": "", "max_tokens": 4096}
    assert redacted(value) == value
    assert redacted({"max_tokens": "4096", "token": 123456, "password": 1234}) == dict.fromkeys(
        ["max_tokens", "token", "password"], "[redacted]"
    )


def test_values_named_by_a_neighbour_are_masked():
    assert redacted([{"name": "API_KEY", "value": "abc", "x": 1}, {"key": "city", "value": "Bern"}]) == [
        {"name": "API_KEY", "value": "[redacted]", "x": 1},
        {"key": "city", "value": "Bern"},
    ]
    assert redacted(["tool", "--api-key", "abc", "--verbose", "x"]) == [
        "tool",
        "--api-key",
        "[redacted]",
        "--verbose",
        "x",
    ]


def test_card_numbers_are_masked_as_numbers_too():
    card = int(luhn("453201511283036"))
    assert redacted([card, float(card), card + 1, 1700000000000]) == [
        "[redacted]",
        "[redacted]",
        card + 1,
        1700000000000,
    ]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("login with password=hunter2 please", "login with password=[redacted] please"),
        ("PGPASSWORD='a b' psql", "PGPASSWORD='[redacted]' psql"),
        ("Server=x;User Id=u;Password=p,q;Db=1", "Server=x;User Id=u;Password=[redacted];Db=1"),
        ("Authorization: Token abc def\nHost: x", "Authorization: [redacted]\nHost: x"),
        ('curl -H "Cookie: a=b; c=d" https://x', 'curl -H "Cookie: [redacted]" https://x'),
        ("curl -u bob:pw https://x", "curl -u bob:[redacted] https://x"),
        ("psql --db-password hunter2 -v", "psql --db-password [redacted] -v"),
        ("postgres://u:p@h1,h2/db", "postgres://u:[redacted]@h1,h2/db"),
        ("redis://:p@h", "redis://:[redacted]@h"),
        ("https://u:pa/ss@host/db", "https://u:[redacted]@host/db"),
        ("https://x/?access_token=abc&city=Bern", "https://x/?access_token=[redacted]&city=Bern"),
        ("password: Bearer abc", "password: [redacted]"),
        ("AWS_SECRET_ACCESS_KEY=ab/c+d", "AWS_SECRET_ACCESS_KEY=[redacted]"),
    ],
)
def test_secrets_written_out_in_text(text: str, masked: str):
    assert mask_text(text) == masked
    assert redacted(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "http://host:8080/x?mail=a@b.example",
        "http://[::1]:80/a@b",
        "ssh://git@host/repo",
        "task-2026-report-of-the-year-in-full",
        "basic authentication and bearer of letters",
        "The secretary: Bob; tokenizer: fast; max_tokens=100",
        "order 4111-1111-1111-1112 of 2026",
        "550e8400-e29b-41d4-a716-446655440000",
    ],
)
def test_text_without_secrets_stays(text: str):
    assert redacted(text) == text


@given(st.data())
def test_no_policy_keeps_a_key_of_ours(data: st.DataObject):
    secret = data.draw(OWN_KEYS)
    value = plant(data, f"{data.draw(st.text(max_size=9))} {secret} ", secret)
    for policy in ArgumentPolicy:
        assert_gone(secret, redact(value, policy))


@given(st.data())
def test_no_planted_secret_stays_in_details(data: st.DataObject):
    secret = data.draw(SHAPED)
    assert_gone(secret, redact_details({"before": plant(data, f" {secret} ", secret)}))


def test_full_keeps_everything_else():
    value = {"password": "hunter2", "n": [1, None, True, 0.5], "long": "x" * 100_000}
    assert redact(value, ArgumentPolicy.FULL) == value
    assert "[cut: nested too deep]" in json.dumps(redact(nested(900), ArgumentPolicy.FULL))


def test_details_tell_where_a_secret_is_kept():
    options = {
        "env": {"API_TOKEN": "env://API_TOKEN", "OTHER_TOKEN": "abc", "PATH_TOKEN": "file:///run/token"}
    }
    assert redact_details(options) == {"env": {**options["env"], "OTHER_TOKEN": "[redacted]"}}


def test_ids_and_digests_never_look_like_cards():
    card = luhn("453201511283036")
    digest, identifier = f"a{card}".ljust(64, "b"), f"550e8400-e29b-41d4-{card[:4]}-{card[4:]}"
    assert "[redacted]" in redacted(f"card {card}")
    assert redacted([digest, identifier]) == [digest, identifier]


class Odd:
    """A type that JSON does not know."""


ODD_NAMES: list[Any] = [1, 10**5000, None, True, 1.5, b"bytes", ("a", "b"), Odd()]


@pytest.mark.parametrize("key", ODD_NAMES, ids=lambda key: type(key).__name__)
def test_names_that_are_no_text_are_bounded_and_kept_apart(key: Any):
    for policy in (ArgumentPolicy.KEYS, ArgumentPolicy.REDACTED, ArgumentPolicy.FULL):
        kept = redact({key: 1, str(type(key)): 2}, policy)
        assert len(kept) == 2
        assert all(isinstance(name, str) and len(name) < 300 for name in kept)
    json.dumps(mask_options({key: 1}))


def test_members_whose_names_were_masked_are_never_lost():
    names = [mint_key(PRESHARED_KEY_PREFIX), "[redacted] (1)", mint_key(PRESHARED_KEY_PREFIX), "[redacted]"]
    assert len(redacted(dict.fromkeys(names, 1))) == len(names)


def test_options_are_shown_without_secrets():
    options = {
        "command": ["npx", "server", "--api-key", "abc", "--region=eu"],
        "env": {"GITHUB_TOKEN": "abc", "OPENAI_KEY": "abc", "REGION": "eu", "DSN": "postgres://u:p@h/d"},
        "headers": {"Authorization": "Bearer abc", "X-Key": "abc", "Accept": "text/html"},
        "url": "https://me:abc@host/path?key=abc&q=1&sig=abc#top",
        "timeout": 5,
        "verify": True,
        "auth": {"password": 12345, "enabled": False, "none": None},
    }
    shown = mask_options(options)
    assert "abc" not in json.dumps(shown)
    assert shown == {
        "command": ["npx", "server", "--api-key", "[redacted]", "--region=eu"],
        "env": dict.fromkeys(["GITHUB_TOKEN", "OPENAI_KEY"], "[redacted]")
        | {"REGION": "eu", "DSN": "[redacted]"},
        "headers": {"Authorization": "[redacted]", "X-Key": "[redacted]", "Accept": "text/html"},
        "url": "https://[redacted]@host/path?key=[redacted]&q=1&sig=[redacted]#top",
        "timeout": 5,
        "verify": True,
        "auth": {"password": "[redacted]", "enabled": False, "none": None},
    }


def test_references_stay_in_options():
    options = {
        "env": {"API_TOKEN": "env://API_TOKEN"},
        "headers": {"Authorization": "file:///run/secrets/key"},
    }
    assert mask_options(options) == options


@given(st.data())
def test_no_secret_shape_survives_in_options(data: st.DataObject):
    secret = data.draw(SHAPED)
    assert_gone(secret, mask_options({"args": plant(data, secret, secret)}))


@given(st.dictionaries(st.text(max_size=10), JSON, max_size=4))
def test_every_option_can_be_shown(options: dict[str, Any]):
    json.dumps(mask_options(options))
