"""Only public addresses are dialled for a URL that a stranger has chosen, in whatever form they are written."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.errors import UntrustedMetadataError
from ambassador_server.guarded_http.addresses import check_url, may_dial

PRIVATE = [
    "10.0.0.1",
    "172.16.5.4",
    "192.168.1.1",
    "127.0.0.1",
    "127.255.255.254",
    "100.64.0.1",
    "::1",
    "fd00::1",
]
NEVER = [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "100.100.100.200",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "fd00:ec2::254",
    "2001:db8::1",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700::1111"]
ipv4 = st.ip_addresses(v=4)


def forms_of(address: ipaddress.IPv4Address) -> list[str]:
    """Return the IPv6 addresses that mean an IPv4 address: mapped, compatible, 6to4, NAT64 and Teredo."""
    number = int(address)
    return [
        f"::ffff:{address}",
        str(ipaddress.IPv6Address(0x2002 << 112 | number << 80)),
        str(ipaddress.IPv6Address((0x64FF9B << 96) | number)),
        str(ipaddress.IPv6Address((0x20010000 << 96) | (0x08080808 << 64) | (number ^ 0xFFFFFFFF))),
        *([str(ipaddress.IPv6Address(number))] if number > 1 else []),
    ]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_dialled(address: str):
    assert may_dial(address, private=False)
    assert may_dial(address, private=True)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_dialled_only_if_that_is_allowed(address: str):
    assert not may_dial(address, private=False)
    assert may_dial(address, private=True)


@pytest.mark.parametrize("address", NEVER)
def test_a_special_address_is_never_dialled(address: str):
    assert not may_dial(address, private=False)
    assert not may_dial(address, private=True)


@given(ipv4)
def test_an_ipv4_address_that_may_not_be_dialled_may_not_be_dialled_as_ipv6(address: ipaddress.IPv4Address):
    for private in (False, True):
        if not may_dial(str(address), private=private):
            assert [form for form in forms_of(address) if may_dial(form, private=private)] == []


@given(st.ip_addresses())
def test_an_address_is_dialled_only_if_python_calls_it_global(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
):
    if may_dial(str(address), private=False):
        assert address.is_global
        assert not address.is_multicast
        assert may_dial(str(address), private=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://as.example/token",
        "ftp://as.example/token",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https:///token",
        "https://user@as.example/token",
        "https://user:pw@as.example/token",
        "https://as.example/token#part",
        "https://as.example:99999/token",
        "https://[::1/token",
        "//as.example/token",
        "https://as.example/" + "x" * 4096,
        "",
    ],
)
@pytest.mark.parametrize("private", [False, True])
def test_an_endpoint_that_is_no_https_url_is_refused(url: str, private: bool):
    with pytest.raises(UntrustedMetadataError):
        check_url(url, private=private)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://127.0.0.1:8000/token", True),
        ("http://localhost/token", True),
        ("http://[::1]/token", True),
        ("http://10.0.0.1/token", False),
        ("http://localhost.example/token", False),
        ("http://127.0.0.1.example/token", False),
        ("http://2130706433/token", False),
        ("http://0x7f000001/token", False),
        ("http://0.0.0.0/token", False),
    ],
)
def test_plain_http_is_for_this_machine_alone_and_only_if_allowed(url: str, allowed: bool):
    with pytest.raises(UntrustedMetadataError):
        check_url(url, private=False)
    if allowed:
        assert str(check_url(url, private=True)) == url
    else:
        with pytest.raises(UntrustedMetadataError):
            check_url(url, private=True)


@given(st.text())
def test_any_text_is_a_url_or_refused(text: str):
    try:
        url = check_url(text, private=False)
    except UntrustedMetadataError:
        return
    assert url.scheme == "https"
    assert url.host
