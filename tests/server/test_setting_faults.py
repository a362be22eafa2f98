"""What is wrong with a setting is said in words, with its name and its source, and never in those of a library."""

from pathlib import Path

import pytest

from ambassador_server.config import load_config
from ambassador_server.errors import ConfigurationError


def _fault(text: str, tmp_path: Path, environment: dict[str, str] | None = None) -> str:
    file = tmp_path / "ambassador.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        load_config({}, environment or {}, file)
    return refused.value.message.replace(str(file), "FILE")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("port: abc", "port: must be a whole number (from FILE)"),
        ("port: 70000", "port: must be at most 65535 (from FILE)"),
        ("tls: maybe", "tls: must be 'on' or 'off' (from FILE)"),
        ("hostnames: door", "hostnames: must be a list (from FILE)"),
        ("hostnames: [1]", "hostnames.0: must be a text (from FILE)"),
        ("session: {idle_seconds: 1}", "session.idle_seconds: must be at least 60 (from FILE)"),
        ("session: 5", "session: must hold settings by name (from FILE)"),
        ("prot: 8443", "prot: there is no such setting; did you mean port?"),
        ("limits: {body_byte: 1}", "limits.body_byte: there is no such setting; did you mean body_bytes?"),
        ("zzz: 1", "zzz: there is no such setting"),
        (
            "limits: {proxies: [nowhere]}",
            "limits.proxies.0: must be a network such as 10.0.0.0/8 (from FILE)",
        ),
        (
            "cors: {origins: ['*']}",
            "cors.origins.0: must be an origin such as https://app.example.com, in small letters and without a path "
            "(from FILE)",
        ),
        (
            "cors: {origins: ['https://a.example:443']}",
            "cors.origins.0: must not have the port 443, which browsers leave out (from FILE)",
        ),
        ("drain_seconds: soon", "drain_seconds: must be a number (from FILE)"),
        ("separator: '+'", "separator: must match ^[_-]{1,3}$ (from FILE)"),
        (
            "stdio: {administrators_execute: perhaps}",
            "stdio.administrators_execute: must be true or false (from FILE)",
        ),
    ],
)
def test_fault_is_said_in_words(tmp_path: Path, text: str, says: str) -> None:
    assert _fault(text, tmp_path) == says


def test_fault_names_the_variable(tmp_path: Path) -> None:
    environment = {"MCP_AMBASSADOR_PORT": "many"}
    assert (
        _fault("port: 1", tmp_path, environment) == "port: must be a whole number (from MCP_AMBASSADOR_PORT)"
    )


def test_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = tmp_path / "ambassador.yaml"
    file.write_bytes(b"\xef\xbb\xbfport: 1234\n")
    assert load_config({}, {}, file).port == 1234
