"""Addresses of servers: completed, and refused where they would be unsafe or are invalid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_protocol.server_urls import is_loopback, parse_server_url, url_host


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://Ambassador.example/", "https://ambassador.example:9443"),
        ("https://ambassador.example:443/prefix/", "https://ambassador.example:443/prefix"),
        ("http://localhost", "http://localhost:9443"),
        ("http://127.0.0.2:1", "http://127.0.0.2:1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]:9443"),
        ("https://a.example.", "https://a.example.:9443"),
    ],
)
def test_an_address_is_completed(text: str, address: str):
    assert parse_server_url(text, 9443) == address


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "must look like"),
        ("a.example", "must look like"),
        ("ftp://a.example", "must look like"),
        ("https://", "must look like"),
        ("https://user:hunter2@a.example", "must not have a user"),
        ("https://a.example?x", "must not have a user"),
        ("https://a.example#x", "must not have a user"),
        ("https://a b.example", "must be ASCII"),
        ("https://\u00fc.example", "must be ASCII"),
        ("https://a.example/\u00fc", "must be ASCII"),
        ("https://a.example\n", "one line"),
        ("https://a..example", "1 to 63 characters"),
        (f"https://{'a' * 64}.example", "1 to 63 characters"),
        ("http://a.example", "clear text"),
        ("http://localhost.example", "clear text"),
        ("http://10.0.0.1", "clear text"),
        ("https://a.example:0", "port 0"),
        ("https://a.example:99999", "ort"),
        ("https://[::1", "Invalid IPv6"),
    ],
)
def test_unsafe_or_invalid_address_is_refused(text: str, why: str):
    with pytest.raises(ValueError, match=why) as caught:
        parse_server_url(text, 9443)
    assert "hunter2" not in str(caught.value)


@given(st.text() | st.text(st.sampled_from("htps:/[]@.:#?%1a \t")).map("https://".__add__))
def test_what_is_accepted_stays_as_it_is_the_second_time(text: str):
    try:
        address = parse_server_url(text, 8443)
    except ValueError:
        return
    assert parse_server_url(address, 1) == address


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.255.255.254", "::1", "0:0:0:0:0:0:0:1"])
def test_these_are_this_machine(host: str):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "localhost.example", "0.0.0.0", "10.0.0.1", "127.0.0.1.example", "2130706433", "::"]
)
def test_these_are_not(host: str):
    assert not is_loopback(host)


def test_an_address_with_colons_is_put_in_brackets():
    assert (url_host("::1"), url_host("127.0.0.1"), url_host("a.example")) == (
        "[::1]",
        "127.0.0.1",
        "a.example",
    )
