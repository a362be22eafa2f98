"""Redirects are the user's own machine or listed, however they are written; verifiers fit their own challenge alone."""

from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from ambassador_server.domain.people.host_requests import (
    LONGEST_REDIRECT,
    challenge_of,
    fits,
    is_redirect,
    redirect_fault,
    redirect_target,
    with_parameters,
)

OWN = {"127.0.0.1", "::1", "localhost"}
PIECES = st.sampled_from(
    [
        "http",
        "https",
        ":",
        "/",
        "//",
        "@",
        "#",
        "?",
        "&",
        "=",
        ".",
        "..",
        "%2f",
        "%00",
        "\\",
        "\t",
        "\r\n",
        "127.0.0.1",
        "localhost",
        "[::1]",
        "::1",
        "evil.example",
        "0",
        "80",
        "99999",
        "x",
        "\uff20",
        "\xe4",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=50))
@example("http://127.0.0.1:80\\@evil.example/")
@example("http://localhost:80#@evil.example/")
@example("http://127.0.0.1\t.evil.example/")
def test_what_is_allowed_without_a_list_leads_to_the_own_machine_for_every_parser(text: str) -> None:
    if not is_redirect(text, ()):
        return
    assert text.isascii()
    assert text.isprintable()
    for host in (urlsplit(text).hostname, URL(text).host):
        assert host in OWN
    assert urlsplit(text).scheme == "http"
    assert "@" not in urlsplit(text).netloc
    assert "#" not in text
    back = with_parameters(text, (("code", "a b&c"), ("state", None)))
    assert urlsplit(back).netloc == urlsplit(text).netloc
    assert back.endswith("code=a+b%26c")


@given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=50))
def test_what_can_be_listed_has_no_user_and_no_fragment(text: str) -> None:
    if redirect_fault(text) is None:
        assert text.isascii()
        assert "@" not in urlsplit(text).netloc
        assert "#" not in text
        assert urlsplit(text).scheme not in ("http", "javascript", "data", "file")
        assert is_redirect(text, (text,))
        assert not is_redirect(f"{text}x", (text,))
        assert redirect_target(text)


@pytest.mark.parametrize(
    "uri",
    [
        "https://vscode.dev/redirect",
        "https://vscode.dev:8443/redirect?a=b",
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "vscode://vendor.extension/callback",
        "com.example.app:/callback",
    ],
)
def test_uris_of_applications_can_be_listed(uri: str) -> None:
    assert redirect_fault(uri) is None
    assert not is_redirect(uri, ())


@pytest.mark.parametrize(
    ("uri", "word"),
    [
        ("http://127.0.0.1:1/", "always"),
        ("http://vscode.dev/", "https"),
        ("https://a..b/", "host"),
        ("https://a:0/", "https"),
        ("https://a:99999/", "host"),
        ("ms-msdt:/id", "https"),
        ("JavaScript:alert(1)", "https"),
        (f"https://a/{'x' * LONGEST_REDIRECT}", "characters"),
        ("", "https"),
    ],
)
def test_uris_that_cannot_be_listed_are_explained(uri: str, word: str) -> None:
    assert word in (redirect_fault(uri) or "")


@given(st.text(alphabet="abcXYZ019-._~", min_size=43, max_size=128), st.text(max_size=130))
def test_a_verifier_fits_its_own_challenge_alone(verifier: str, other: str) -> None:
    challenge = challenge_of(verifier)
    assert fits(verifier, challenge)
    assert fits(other, challenge) is (other == verifier)
    assert not fits(challenge, challenge)
