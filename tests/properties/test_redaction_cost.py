"""Redaction takes time linear to the length of its input, also for input made to slow it down."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from ambassador_server.domain.catalog.mcps import ArgumentPolicy
from ambassador_server.domain.secrets.redaction import redact
from ambassador_server.domain.secrets.shapes import mask_text
from ambassador_server.domain.secrets.tokens import PRESHARED_KEY_PREFIX, mint_key

FRAGMENTS = [
    *(
        "a",
        "-",
        "_",
        ".",
        "=",
        ":",
        "/",
        "@",
        "\\",
        '"',
        "'",
        "0",
        "4 ",
        "1-",
        "444-",
        "amb_pk_",
        "ghp_",
        "sk-",
    ),
    *(
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "xoxb-",
        "SG.",
        "SG.aaaaaaaaaaaaaaaa",
        "-eyJ",
        "eyJa.a",
        "AKIA",
    ),
    *(
        "bearer ",
        "basic aaaa",
        "://",
        "://a:",
        "://a:b@",
        "x://[::1]@",
        "password",
        'password="',
        'password=\\"',
    ),
    *('password=\\"\\\\', "pwd = = ", "tokentoken=", "-token ", "--token --", '-password "', "secretsecret"),
    *(
        "api key",
        "cookie:",
        "authorization:authorization",
        " -u a",
        " --user=a:b",
        "signature%3D",
        "access_key-",
    ),
    *(
        "a" + " " * 39,
        "a m b _ p k _ ",
        "amb_st_a ",
        "amb_pk_ ",
        "a\\n",
        "am-",
        "YW1iX3BrX",
        "616d625f706b5f",
    ),
    *(
        "%",
        "%25",
        "%61",
        "\\",
        "\\u0061",
        "&#",
        "&#97;",
        "=61",
        "\uff41",
        "\u200b",
        "\U0001d41a",
        '" + "',
        '"    ',
    ),
    *("mysql -p", "mysql ", "sshpass -p a ", "htpasswd -b a a ", "docker login -p ", "openssl -pass pass:"),
    *(
        "identified by '",
        "identified ",
        "create user a identified by ",
        "password '",
        "password (",
        "PASSWORD = N'",
    ),
    *(
        "machine a login a ",
        "machine ",
        "default login a password ",
        "<password>",
        "<a:password",
        'name="password"',
    ),
    *(
        "?key=",
        "&sig=",
        "?code=a1",
        "%26sig%3Da",
        "hooks.slack.com/services/",
        "/hooks/",
        "/hooks/aaaaaaaaaaaaaaaa",
    ),
    *(
        "a:a@tcp(",
        "jdbc:oracle:thin:a/",
        "sqlplus -a ",
        "LS0tLS1CRUdJTi",
        "UFJJVkFURSBLRV",
        "MIaaIBADANBgkqhkiG9w",
    ),
    *(
        'password=""' + '"',
        "password='" + "''",
        "password: |\n a\n",
        "password: |\n",
        "password:\n ",
        "password: a b\n",
    ),
    *("X_KEY=", '"pass": "', "1234567890:AA", "8Q~", "1//0", "$2b$", "M.a.", "pat.", "dp.pt.", "N{", "pwd={"),
    *(
        '"api-key", "',
        '"aapi-key",',
        "password is ",
        "password a1a1a1a1 ",
        "pass = ",
        "password:\n a",
        "<secret a",
        "-> ",
    ),
    *("token aaaaaaaaaaaaaaaaaaaa", "YW1i X3Br", "a" * 40 + " "),
]


LONG_WORDS = " ".join(mark + "a" * 20 for mark in "-._")
EVERY_TRIGGER = f"token: -u bearer basic private key eyj. ://@ {LONG_WORDS} akia{'a' * 12} "
FACTOR = 8


def cost(work: Callable[[], object], rounds: int) -> int:
    """Return the processor time of the fastest of several runs."""
    spent = []
    for _ in range(rounds):
        started = time.process_time_ns()
        work()
        spent.append(time.process_time_ns() - started)
    return min(spent)


def assert_linear(work: Callable[[int], Callable[[], object]], size: int) -> None:
    """Assert that eight times the input takes about eight times as long; quadratic time would be sixty-four times.

    Other load may disturb one comparison, but not the fastest of many runs in every attempt.
    """
    for rounds in (3, 10, 30):
        if cost(work(size * FACTOR), rounds) < cost(work(size), rounds) * FACTOR * 3:
            return
    pytest.fail(f"{FACTOR} times as much took more than {FACTOR * 3} times as long")


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_hostile_text_takes_time_linear_to_its_length(fragment: str):
    def work(size: int) -> Callable[[], object]:
        text = EVERY_TRIGGER + fragment * (size // len(fragment))
        return lambda: mask_text(text)

    assert_linear(work, 6_000)


SHAPES_OF_SIZE: dict[str, Callable[[int], Any]] = {
    "items": lambda size: ["x"] * size,
    "members": lambda size: {f"n{number}": "x" for number in range(size)},
    "names that look alike": lambda size: {f"{mint_key(PRESHARED_KEY_PREFIX)}": 1 for _ in range(size)},
    "texts": lambda size: ["password=" * 50] * size,
    "parts of tokens": lambda size: ["amb_pk_", "a1B2" * 3] * size,
    "letters of tokens": lambda size: list("amb_pk_" + "a1B2" * 12) * (size // 20),
    "lists in lists": lambda size: [[["x"]] * 10] * size,
}


@pytest.mark.parametrize("shape", SHAPES_OF_SIZE)
@pytest.mark.parametrize("policy", ArgumentPolicy)
def test_large_values_take_time_linear_to_their_size(shape: str, policy: ArgumentPolicy):
    def work(size: int) -> Callable[[], object]:
        value = SHAPES_OF_SIZE[shape](size)
        return lambda: redact(value, policy)

    assert_linear(work, 120)
