"""Which sandbox an entry gets, and what its options may say."""

from typing import Any

import pytest

from ambassador_server.downstream import sandboxes
from ambassador_server.downstream.programs.plan import SandboxOptions
from ambassador_server.downstream.programs.settings import HiddenFiles, ProgramSettings, referenced_files
from ambassador_server.downstream.sandboxes import UnavailableError, choose, known_sandboxes, offers
from ambassador_server.downstream.transports import check_options
from ambassador_server.errors import DownstreamUnavailableError, InvalidInputError

SETTINGS = ProgramSettings(hidden=HiddenFiles(["/srv/ambassador"]))


def only(monkeypatch: pytest.MonkeyPatch, *available: str) -> None:
    """Let this machine offer these sandboxes alone."""
    for kind in known_sandboxes():
        monkeypatch.setattr(sandboxes.load(kind), "offer", _offer if kind in available else _no_offer)
        monkeypatch.setattr(sandboxes.load("landlock"), "_version", lambda: 7)


def _offer(_: ProgramSettings) -> str:
    return "works"


def _no_offer(_: ProgramSettings) -> str:
    raise UnavailableError("is missing here")


def test_every_file_has_a_place_in_the_order_of_preference():
    assert set(sandboxes.PREFERENCE) == set(known_sandboxes())


@pytest.mark.parametrize(
    ("available", "chosen"),
    [
        (("landlock", "bubblewrap", "user", "none"), "landlock"),
        (("bubblewrap", "user", "none"), "bubblewrap"),
        (("user", "none"), "user"),
        (("none",), "none"),
    ],
)
def test_the_first_that_is_available_is_the_default(
    monkeypatch: pytest.MonkeyPatch, available: tuple[str, ...], chosen: str
):
    only(monkeypatch, *available)
    assert choose(SandboxOptions(), SETTINGS) == chosen
    found = {offer.kind: offer for offer in offers(SETTINGS)}
    assert [kind for kind, offer in found.items() if offer.is_default] == [chosen]
    assert {kind for kind, offer in found.items() if offer.available} == set(available)
    assert all(offer.detail == "is missing here" for offer in found.values() if not offer.available)


def test_strict_is_never_weakened(monkeypatch: pytest.MonkeyPatch):
    strict = SandboxOptions(profile="strict")
    only(monkeypatch, "bubblewrap", "user", "none")
    assert choose(strict, SETTINGS) == "bubblewrap"
    with pytest.raises(DownstreamUnavailableError, match="not some ports"):
        choose(SandboxOptions(connect=[443]), SETTINGS)
    only(monkeypatch, "user", "none")
    with pytest.raises(DownstreamUnavailableError, match="no sandbox can hold"):
        choose(strict, SETTINGS)


def test_an_old_kernel_cannot_restrict_connections(monkeypatch: pytest.MonkeyPatch):
    only(monkeypatch, "landlock")
    monkeypatch.setattr(sandboxes.load("landlock"), "_version", lambda: 3)
    with pytest.raises(DownstreamUnavailableError, match="ABI 4"):
        choose(SandboxOptions(profile="strict"), SETTINGS)
    assert choose(SandboxOptions(profile="strict", connect="any"), SETTINGS) == "landlock"


def test_a_server_can_refuse_programs_without_a_sandbox(monkeypatch: pytest.MonkeyPatch):
    only(monkeypatch, "none")
    refusing = ProgramSettings(unsandboxed="refused")
    with pytest.raises(DownstreamUnavailableError, match=r"stdio\.unsandboxed"):
        choose(SandboxOptions(), refusing)
    assert not any(offer.is_default for offer in offers(refusing))


@pytest.mark.parametrize(
    ("sandbox", "words"),
    [
        ({"kind": "docker"}, "unknown kind"),
        ({"kind": "none"}, r"stdio\.unsandboxed"),
        ({"kind": "user", "profile": "strict"}, "neither"),
        ({"profile": "lax"}, "profile"),
        ({"read": ["relative"]}, "absolute"),
        ({"write": ["/srv/ambassador"]}, "belongs to the server"),
        ({"read": ["/srv/ambassador/keys/pepper"]}, "belongs to the server"),
        ({"read": ["/srv/other/../ambassador"]}, "belongs to the server"),
        ({"connect": [0]}, "port"),
        ({"connect": [65536]}, "port"),
        ({"connect": "some"}, "connect"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_options_that_nothing_can_hold_are_refused_when_they_are_written(sandbox: dict[str, Any], words: str):
    with pytest.raises(InvalidInputError, match=words):
        check_options("stdio", {"command": "x", "sandbox": sandbox}, SETTINGS)


@pytest.mark.parametrize(
    "limits", [{"memory_bytes": 0}, {"processes": -1}, {"open_files": 2**63}, {"cpu": 1}]
)
def test_limits_out_of_range_are_refused_when_they_are_written(limits: dict[str, int]):
    with pytest.raises(InvalidInputError, match="limits"):
        check_options("stdio", {"command": "x", "limits": limits}, SETTINGS)


def test_none_can_be_chosen_where_the_server_allows_it():
    check_options(
        "stdio", {"command": "x", "sandbox": {"kind": "none"}}, ProgramSettings(unsandboxed="allowed")
    )


def test_referenced_files_are_found_at_any_depth():
    options = {
        "env": {"A": "file:///a", "B": "env://B"},
        "headers": [{"C": "file:///c"}],
        "url": "https://x/file",
    }
    assert list(referenced_files(options)) == ["/a", "/c"]
