"""The effective settings: their values, their sources, and no secrets."""

from pathlib import Path
from typing import Any

import pytest

from ambassador_server.config import load_config
from ambassador_server.domain.shared.settings import Source, SourceKind
from ambassador_server.errors import ConfigurationError
from ambassador_server.storage.database_url import redacted_url

SECRETS = ("horse/staple", "battery", "scott")


def _effective(*said: Any) -> dict[str, tuple[Any, Source]]:
    found = load_config(*said).effective_settings(redacted_url)
    return {each.name: (each.value, each.source) for each in found}


def test_every_setting_names_its_source(tmp_path: Path) -> None:
    file = tmp_path / "ambassador.yaml"
    file.write_text(
        "host: 127.0.0.2\nport: 1\nnode: a\nsession: {idle_seconds: 90}\nhostnames: [door, gate]\n"
    )
    found = _effective(
        {"host": "127.0.0.4", "admin_port": None},
        {"MCP_AMBASSADOR_HOST": "127.0.0.3", "MCP_AMBASSADOR_PORT": "2", "MCP_AMBASSADOR_NODE": ""},
        file,
    )
    from_file = Source(SourceKind.FILE, str(file))
    assert found["host"] == ("127.0.0.4", Source(SourceKind.FLAG, "--host"))
    assert found["port"] == (2, Source(SourceKind.ENVIRONMENT, "MCP_AMBASSADOR_PORT"))
    assert found["node"] == ("a", from_file)
    assert found["session.idle_seconds"] == (90, from_file)
    assert found["hostnames"] == (("door", "gate"), from_file)
    assert found["session.lifetime_seconds"] == (86400, Source())
    assert found["admin_port"] == (9443, Source())


def test_relative_paths_are_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("here.yaml").write_text("certificate_file: a.pem\ncertificate_key_file: a.key\n")
    found = _effective({"data_dir": Path("data")}, {}, Path("here.yaml"))
    assert found["data_dir"] == (str(tmp_path / "data"), Source(SourceKind.FLAG, "--data-dir"))
    assert found["certificate_key_file"] == (
        str(tmp_path / "a.key"),
        Source(SourceKind.FILE, str(tmp_path / "here.yaml")),
    )
    assert found["database_url"] == (f"sqlite+aiosqlite:///{tmp_path / 'data' / 'ambassador.db'}", Source())


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (
            "postgresql://scott:horse/staple@db.example.com:5432/ambassador?sslmode=require&password=battery",
            "postgresql://[redacted]:[redacted]@db.example.com:5432/ambassador?sslmode=[redacted]&password=[redacted]",
        ),
        (
            "postgresql+asyncpg://scott@[::1]/ambassador",
            "postgresql+asyncpg://[redacted]:[redacted]@[::1]/ambassador",
        ),
        ("postgresql://db.example.com/ambassador", "postgresql://db.example.com/ambassador"),
    ],
)
def test_login_and_options_of_a_store_are_redacted(url: str, told: str) -> None:
    found = _effective({"database_url": url}, {})
    assert found["database_url"] == (told, Source(SourceKind.FLAG, "--database-url"))
    assert not [secret for secret in SECRETS if secret in str(found)]


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.com",
        "http://localhost:6274",
        "http://[::1]:8044",
        "chrome-extension://abc",
        "app://x.y",
    ],
)
def test_origins_are_taken_as_browsers_send_them(origin: str) -> None:
    assert load_config({"cors": {"origins": [origin]}}, {}).cors.origins == (origin,)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "*",
        "",
        "app.example.com",
        "https://",
        "https://App.example.com",
        "https://app.example.com/",
        "https://app.example.com/path",
        "https://*.example.com",
        "https://user@app.example.com",
        "https://app.example.com:0",
        "http://app.example.com:80",
        "https://app.example.com\nhttps://evil.example",
        " https://app.example.com",
    ],
)
def test_what_no_browser_sends_as_an_origin_is_refused(origin: str) -> None:
    with pytest.raises(ConfigurationError, match=r"cors\.origins\.0"):
        load_config({"cors": {"origins": [origin]}}, {})


@pytest.mark.parametrize(
    ("url", "link"),
    [
        (None, None),
        ("https://tools.example.com", "https://tools.example.com/credentials/git"),
        (
            "https://tools.example.com:8443/ambassador/",
            "https://tools.example.com:8443/ambassador/credentials/git",
        ),
        ("http://[::1]:8080", "http://[::1]:8080/credentials/git"),
    ],
)
def test_links_lead_to_the_public_url(url: str | None, link: str | None) -> None:
    config = load_config({"public_url": url}, {})
    assert config.credential_link("git") == link
    if url is not None:
        assert load_config({}, {"MCP_AMBASSADOR_PUBLIC_URL": url}).public_url == url


@pytest.mark.parametrize(
    "url",
    [
        "tools.example.com",
        "ftp://a.example",
        "https://",
        "https://me:pw@a.example",
        "https://a.example/?x",
        "https://a b",
    ],
)
def test_a_public_url_is_a_scheme_a_host_and_a_path(url: str) -> None:
    with pytest.raises(ConfigurationError, match="public_url"):
        load_config({"public_url": url}, {})
