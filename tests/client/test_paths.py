"""The client's directories: equal to those of platformdirs on every platform."""

from collections.abc import Callable
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

import pytest
from platformdirs.api import PlatformDirsABC
from platformdirs.macos import MacOS
from platformdirs.unix import Unix
from platformdirs.windows import Windows

from ambassador_admin import directories
from ambassador_client.account import paths
from ambassador_client.errors import SettingsError

HOMES = {
    "linux": PurePosixPath("/home/me"),
    "darwin": PurePosixPath("/Users/me"),
    "win32": PureWindowsPath(r"C:\Users\me"),
}
THEIRS: dict[str, type[PlatformDirsABC]] = {"linux": Unix, "darwin": MacOS, "win32": Windows}
XDG = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")
MOVED = {
    "linux": {"XDG_CONFIG_HOME": "/x/config", "XDG_STATE_HOME": "/x/state", "XDG_CACHE_HOME": "/x/cache"},
    "darwin": {},
    "win32": {"LOCALAPPDATA": r"D:\x\Local"},
}
RELATIVE = {
    "linux": dict.fromkeys(XDG, "x/y"),
    "darwin": {},
    "win32": {"LOCALAPPDATA": r"\x\y"},
}
PLATFORMS = pytest.mark.parametrize("platform", HOMES)


@pytest.fixture(params=["usual", "moved", "relative"])
def environ(request: pytest.FixtureRequest, platform: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Emulate the platform with its path flavour and home, and set the same variables for both sides."""
    home = HOMES[platform]

    class There(type(home)):  # type: ignore[misc]
        @classmethod
        def home(cls) -> PurePath:
            return cls(home)

    monkeypatch.setattr(paths, "Path", There)
    monkeypatch.setattr(directories, "Path", There)
    for name in XDG:
        monkeypatch.delenv(name, raising=False)
    given: dict[str, str] = {"usual": {}, "moved": MOVED[platform], "relative": RELATIVE[platform]}[
        request.param
    ]
    local = given.get("LOCALAPPDATA", "") if request.param == "moved" else str(home / "AppData" / "Local")
    monkeypatch.setenv("WIN_PD_OVERRIDE_LOCAL_APPDATA", local)
    monkeypatch.setenv("HOME", str(home))
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return given


@PLATFORMS
@pytest.mark.parametrize(
    ("ours", "theirs", "below"),
    [
        (paths.state_directory, "user_state_dir", ""),
        (paths.config_directory, "user_config_dir", "client"),
        (directories.config_directory, "user_config_dir", "admin"),
        (directories.cache_directory, "user_cache_dir", "admin"),
    ],
)
def test_directories_equal_those_of_platformdirs(
    ours: Callable[..., Path], theirs: str, below: str, platform: str, environ: dict[str, str]
):
    expected = getattr(THEIRS[platform]("mcp-ambassador", appauthor=False), theirs)
    kind = type(HOMES[platform])
    assert kind(str(ours(environ, platform))) == kind(expected) / below


@PLATFORMS
def test_sessions_are_in_the_runtime_directory_if_there_is_one(platform: str, environ: dict[str, str]):
    """Unlike platformdirs, no directory shared by all users is used, because sessions are secret."""
    state = paths.state_directory(environ, platform)
    assert paths.runtime_directory(environ, platform) == state
    given = {**environ, "XDG_RUNTIME_DIR": "/run/user/1000"}
    expected = "/run/user/1000/mcp-ambassador" if platform == "linux" else str(state)
    assert str(paths.runtime_directory(given, platform)) == expected


def test_an_unknown_home_directory_is_reported(monkeypatch: pytest.MonkeyPatch):
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(paths.Path, "home", unknown)
    for directory in (paths.runtime_directory, paths.state_directory, paths.config_directory):
        with pytest.raises(SettingsError, match="HOME"):
            directory({}, "linux")
