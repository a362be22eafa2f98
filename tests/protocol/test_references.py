"""References to secrets are parsed, resolved, or refused; none is used as the secret."""

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_protocol.references import (
    MAX_SECRET_BYTES,
    Reference,
    SecretReferenceError,
    parse_reference,
    path_of,
    read_secret_file,
    resolve_reference,
)

PLAIN = [
    "",
    "plain",
    "amb_pk_abc-_123",
    "Bearer vault://x",
    "a=b://c",
    "://x",
    "1://x",
    "https://ambassador.example.com/path",
    "HTTP://proxy:3128",
    "postgresql+asyncpg://db/x",
    "mongodb+srv://cluster",
    "jdbc:postgresql://db/x",
    "redis://localhost:6379/0",
    "unix:///var/run/docker.sock",
    "s3://bucket/key",
    "C:\\Users\\me",
]
MISSPELT = ["vault://secret/data/x", "secret://x", "ENV://NAME", "Env://NAME", " env://NAME", "File:///x"]
MISSPELT += [
    "environment://NAME",
    "op://vault/item",
    "aws-sm://x",
    "ref+vault://x",
    "env ://NAME",
    "env+x://NAME",
]


@pytest.mark.parametrize("value", PLAIN)
def test_a_value_that_is_no_reference_is_returned(value: str):
    assert parse_reference(value) is None
    assert resolve_reference(value, {}) == value


@pytest.mark.parametrize("value", MISSPELT)
def test_a_reference_with_an_unknown_scheme_is_refused(value: str):
    reference = parse_reference(value)
    assert reference is not None
    assert str(reference) == value
    with pytest.raises(SecretReferenceError, match="write env:// or file://") as caught:
        resolve_reference(value, {"NAME": "found"})
    assert reference.place not in str(caught.value)


@given(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True), st.text(min_size=1))
def test_a_variable_reference_is_resolved(name: str, value: str):
    assert parse_reference(f"env://{name}") == Reference("env", name)
    assert resolve_reference(f"env://{name}", {name: value}) == value


@given(st.text())
def test_no_value_breaks_the_parser(value: str):
    reference = parse_reference(value)
    assert reference is None or str(reference) == value


@pytest.mark.parametrize("name", ["", "A B", "1A", "A-B", "É", "A=B", "A\n"])
def test_an_invalid_variable_name_is_refused(name: str):
    with pytest.raises(SecretReferenceError, match="does not name an environment variable"):
        resolve_reference(f"env://{name}", {name: "x"})


@pytest.mark.parametrize("environ", [{}, {"A": ""}])
def test_an_empty_variable_is_refused(environ: dict[str, str]):
    with pytest.raises(SecretReferenceError, match="env://A is not set"):
        resolve_reference("env://A", environ)


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"abc", "abc"),
        (b"abc\n", "abc"),
        (b"abc\r\n\n", "abc"),
        (b" a b \n", " a b "),
        (b"two\nlines\n", "two\nlines"),
        ("ü".encode(), "ü"),
        (b"x" * MAX_SECRET_BYTES, "x" * MAX_SECRET_BYTES),
    ],
)
def test_a_file_reference_is_resolved_without_trailing_line_ends(content: bytes, secret: str, tmp_path: Path):
    (tmp_path / "secret").write_bytes(content)
    assert resolve_reference(f"file://{tmp_path}/secret", {}) == secret
    assert read_secret_file(tmp_path / "secret") == secret


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "is empty"),
        (b"\n\r\n", "is empty"),
        (b"x" * (MAX_SECRET_BYTES + 1), "is empty or larger than 65536 bytes"),
        (b"x" * MAX_SECRET_BYTES + b"\n", "is empty or larger than 65536 bytes"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (None, "cannot be read: No such file"),
    ],
)
def test_an_unusable_secret_file_is_an_error_with_its_path(content: bytes | None, text: str, tmp_path: Path):
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SecretReferenceError, match=f"^file://{path} {text}"):
        read_secret_file(path)


def test_an_invalid_path_is_refused():
    with pytest.raises(SecretReferenceError, match="is not a path"):
        resolve_reference("file:///a/\0/b", {})


def test_a_pipe_is_read_only_with_may_wait(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path):
        with pytest.raises(SecretReferenceError, match=r"cannot be read|not a regular file"):
            read_secret_file(path)
    writer = threading.Thread(target=pipe.write_text, args=("from a pipe\n",))
    writer.start()
    assert resolve_reference(f"file://{pipe}", {}) == "from a pipe"
    writer.join()


@pytest.mark.parametrize(
    ("place", "platform", "expected"),
    [
        ("/etc/key", "linux", "/etc/key"),
        ("/C:/key", "linux", "/C:/key"),
        ("~/key", "linux", "~/key"),
        ("/C:/Users/me/key", "win32", "C:/Users/me/key"),
        (r"C:\Users\me\key", "win32", r"C:\Users\me\key"),
        ("//nas/me/key", "win32", "//nas/me/key"),
    ],
)
def test_the_path_of_a_reference(place: str, platform: str, expected: str):
    assert path_of(place, platform) == Path(expected).expanduser()
