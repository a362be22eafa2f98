"""The sources of settings, and the values that are refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from ambassador_client.account.setting_sources import Flags
from ambassador_client.account.settings import Settings, load_settings
from ambassador_client.errors import NoCredentialsError, SettingsError

KEY = "amb_pk_secret"
ENVIRON = {
    "MCP_AMBASSADOR_URL": "https://example.com",
    "MCP_AMBASSADOR_PRESHARED_KEY": KEY,
    "HOSTNAME": "box",
}


def load(flags: Flags | None = None, **variables: str) -> Settings:
    return load_settings(flags or Flags(), {**ENVIRON, **variables})


def config(tmp_path: Path, **members: Any) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(members))
    return path


def test_defaults():
    settings = load()
    assert settings.server_url == "https://example.com:8443"
    assert settings.friendly_name == "box"
    assert settings.host_tool == "custom"
    assert settings.heartbeat_seconds == 120
    assert settings.allow_self_signed is False
    assert settings.ca_file is None
    assert settings.is_encrypted


def test_the_originals_environment_is_read():
    settings = load(
        MCP_AMBASSADOR_URL="https://other:1234",
        MCP_AMBASSADOR_HOST_TOOL="vscode",
        MCP_AMBASSADOR_HEARTBEAT_INTERVAL="60",
        MCP_AMBASSADOR_ALLOW_SELF_SIGNED="true",
        MCP_AMBASSADOR_CA_FILE="/ca.pem",
        MCP_AMBASSADOR_FRIENDLY_NAME="me",
    )
    assert settings.preshared_key == KEY
    assert settings == Settings(
        server_url="https://other:1234",
        credential=settings.credential,
        friendly_name="me",
        host_tool="vscode",
        heartbeat_seconds=60,
        allow_self_signed=True,
        ca_file=Path("/ca.pem"),
    )
    assert settings.identity.preshared_key == KEY


def test_the_originals_configuration_file_is_read(tmp_path: Path):
    path = config(
        tmp_path,
        server_url="https://file",
        preshared_key="amb_pk_file",
        friendly_name="file",
        host_tool="cli",
        heartbeat_interval_seconds=30,
        cache_ttl_seconds=300,
        disable_cache=True,
        allow_self_signed=True,
    )
    settings = load_settings(Flags(config=path), {})
    assert settings.server_url == "https://file:8443"
    assert settings.preshared_key == "amb_pk_file"
    assert (settings.friendly_name, settings.host_tool, settings.heartbeat_seconds) == ("file", "cli", 30)
    assert settings.allow_self_signed is True


def test_flags_override_environment_override_file_override_default(tmp_path: Path):
    path = config(tmp_path, server_url="https://file", friendly_name="file", host_tool="cli", ca_file="/file")
    flags = Flags(config=path, server_url="https://flag", friendly_name="flag")
    settings = load(flags, MCP_AMBASSADOR_FRIENDLY_NAME="env", MCP_AMBASSADOR_HOST_TOOL="goose")
    assert settings.server_url == "https://flag:8443"
    assert settings.friendly_name == "flag"
    assert settings.host_tool == "goose"
    assert settings.ca_file == Path("/file")
    assert settings.heartbeat_seconds == 120


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("https://a.example", "https://a.example:8443"),
        ("https://A.Example:443/", "https://a.example:443"),
        ("https://a/base/path//", "https://a:8443/base/path"),
        (" https://a ", "https://a:8443"),
        ("https://[::1]", "https://[::1]:8443"),
        ("http://localhost:80", "http://localhost:80"),
        ("http://127.9.9.9", "http://127.9.9.9:8443"),
        ("http://[::1]:1", "http://[::1]:1"),
    ],
)
def test_addresses_are_normalised(given: str, normal: str):
    assert load(MCP_AMBASSADOR_URL=given).server_url == normal


@pytest.mark.parametrize(
    "wrong",
    [
        "example.com",
        "ftp://a",
        "https://",
        "https://a:0",
        "https://a:99999",
        "https://a:x",
        "https://user:pw@a",
        "https://a?x=1",
        "https://a#x",
        "https://[::1",
        "https://a/pa th",
        "https://a/\u00e9",
        "https://b\u00fccher.example",
        "http://example.com",
        "http://10.0.0.1",
        "http://localhost.example.com",
        "https://a..b",
        "https://.",
        "https://a b",
        f"https://{64 * 'a'}.com",
    ],
)
def test_unusable_addresses_are_refused(wrong: str):
    with pytest.raises(SettingsError) as caught:
        load(MCP_AMBASSADOR_URL=wrong)
    assert str(caught.value).startswith("AMB-5003 MCP_AMBASSADOR_URL is wrong: ")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("given", "seconds"), [("1", 15), ("15", 15), ("77.5", 77.5), ("1e9", 300), ("-inf", 15)]
)
def test_the_heartbeat_interval_is_limited(given: str, seconds: float):
    assert load(MCP_AMBASSADOR_HEARTBEAT_INTERVAL=given).heartbeat_seconds == seconds


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MCP_AMBASSADOR_HEARTBEAT_INTERVAL", "soon"),
        ("MCP_AMBASSADOR_HEARTBEAT_INTERVAL", "nan"),
        ("MCP_AMBASSADOR_HOST_TOOL", "notepad"),
        ("MCP_AMBASSADOR_ALLOW_SELF_SIGNED", "maybe"),
        ("MCP_AMBASSADOR_FRIENDLY_NAME", "two\nlines"),
    ],
)
def test_invalid_values_are_refused_with_the_setting_name(variable: str, value: str):
    with pytest.raises(SettingsError, match=variable):
        load(**{variable: value})


@pytest.mark.parametrize(
    "members",
    [
        {"server_url": 1},
        {"heartbeat_interval_seconds": True},
        {"heartbeat_interval_seconds": [1]},
        {"host_tool": ["cli"]},
        {"allow_self_signed": 2},
        {"preshared_key": 5},
        {"server_ulr": "https://typo"},
    ],
)
def test_a_configuration_file_with_an_unknown_member_is_refused(tmp_path: Path, members: dict[str, Any]):
    environ = {} if "server_url" in members or "preshared_key" in members else ENVIRON
    path = config(tmp_path, **{"server_url": "https://a", **members})
    with pytest.raises(SettingsError):
        load_settings(Flags(config=path), environ)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff"])
def test_an_invalid_configuration_file_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="AMB-5003"):
        load(Flags(config=path))
    with pytest.raises(SettingsError, match="cannot read"):
        load(Flags(config=tmp_path / "missing"))


def test_the_key_may_be_a_reference(tmp_path: Path):
    path = tmp_path / "key"
    path.write_text("amb_pk_in_file\n")
    assert load(MCP_AMBASSADOR_PRESHARED_KEY=f"file://{path}").preshared_key == "amb_pk_in_file"
    assert (
        load(MCP_AMBASSADOR_PRESHARED_KEY="env://VAULT", VAULT="amb_pk_in_env").preshared_key
        == "amb_pk_in_env"
    )


@pytest.mark.parametrize(
    "value",
    [
        "env://NOT_SET",
        "vault://secret/key",
        "ENV://KEY",
        "file:///no/such/file",
        "file://~nobody-of-this-name/key",
        "file:///a/\0/b",
        " ",
        "amb_pk_\u00e9",
        "two\nlines",
    ],
)
def test_a_missing_key_is_reported(value: str):
    with pytest.raises(NoCredentialsError) as caught:
        load(MCP_AMBASSADOR_PRESHARED_KEY=value)
    assert str(caught.value).startswith("AMB-5004 ")
    assert caught.value.exit_code == 3


def test_the_home_of_an_unknown_user_is_not_expanded():
    assert load(MCP_AMBASSADOR_CA_FILE="~nobody-of-this-name/ca").ca_file == Path("~nobody-of-this-name/ca")


def test_a_binary_file_is_not_a_key(tmp_path: Path):
    path = tmp_path / "key"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(NoCredentialsError):
        load(MCP_AMBASSADOR_PRESHARED_KEY=f"file://{path}")


def test_a_missing_address_is_reported_with_the_variable():
    with pytest.raises(SettingsError, match="Set MCP_AMBASSADOR_URL"):
        load_settings(Flags(), {})


def test_the_key_is_not_shown_with_the_settings():
    assert KEY not in repr(load())


def test_a_long_name_is_truncated():
    assert len(load(MCP_AMBASSADOR_FRIENDLY_NAME="x" * 500).friendly_name) == 128
