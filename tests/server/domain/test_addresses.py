"""An e-mail address is checked to be one when a user gets it."""

import pytest

from ambassador_server.domain.shared.names import check_address
from ambassador_server.errors import InvalidInputError


@pytest.mark.parametrize(
    "address",
    [
        "alice@example.com",
        "a.l+ice_1@sub.example.co.uk",
        "root@localhost",
        "o'brien@example.com",
        "ödön@bücher.example",
        "a@1.example",
        "a@xn--bcher-kva.example",
    ],
)
def test_address_is_accepted_as_it_is(address: str) -> None:
    assert check_address(address) == address


def test_empty_address_is_none() -> None:
    assert check_address("") is None


@pytest.mark.parametrize(
    "text",
    [
        "alice",
        "alice@",
        "@example.com",
        "alice at example.com",
        "alice@example..com",
        "alice@.example.com",
        "alice@example.com.",
        "alice@exa mple.com",
        "alice@-example.com",
        "alice@example_.com",
        "alice@example.com,bob@example.com",
        "Alice <alice@example.com>",
        "mailto:alice@example.com",
        "alice@@example.com",
        "alice@example.com\n",
        "alice\u202e@example.com",
        "a" * 65 + "@example.com",
        "a@" + ".".join(["b" * 60] * 5),
    ],
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="is not an e-mail address"):
        check_address(text)
