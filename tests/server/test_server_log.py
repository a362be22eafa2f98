"""The log of the server: its rooms and levels, and that no line shows a secret, moves a terminal or has no end."""

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.cli import server_log
from ambassador_server.cli.server_log import (
    LONGEST_TRACE,
    LONGEST_VALUE,
    ROOMS,
    configure_logging,
    room_of,
    shown,
)
from ambassador_server.config import ServerConfig, load_config
from ambassador_server.domain.secrets import shapes
from ambassador_server.domain.shared.large_documents import off_loop
from ambassador_server.domain.shared.running_request import RunningRequest
from ambassador_server.errors import ConfigurationError
from ambassador_server.setting_sections import LogLevelsSection
from tests.architecture.test_sizes import ROOT

SECRET = "ghp_" + "a1B2" * 9
OURS = "ambassador_server"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the logs of this process as they were."""
    names = [name for names in ROOMS.values() for name in names]
    handlers, levels = logging.root.handlers[:], {name: logging.getLogger(name).level for name in names}
    yield
    logging.root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def configure(**settings: Any) -> None:
    configure_logging(ServerConfig(**settings))


def test_both_kinds_of_loggers_write_json_with_their_room(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    structlog.get_logger("web").warning("request failed", request_id="r1", number=3, nothing=None)
    logging.getLogger(f"{OURS}.downstream.pool").warning("%s: lost", "git")
    logging.getLogger("asyncio").error("not ours")
    first, second, third = lines(capsys)
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "event": "request failed",
        "request_id": "r1",
        "number": 3,
        "nothing": None,
        "level": "warning",
        "room": "web",
    }
    assert (second["event"], second["room"]) == ("git: lost", "downstream")
    assert (third["event"], third["room"]) == ("not ours", "libraries")


def test_a_room_has_a_level_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    configure(log_level="warning", log_levels=LogLevelsSection(downstream="debug", audit="error"))
    for name in (f"{OURS}.downstream.http.pool", f"{OURS}.services.audit.feed", f"{OURS}.services.calls.x"):
        for level in (logging.DEBUG, logging.WARNING, logging.ERROR):
            logging.getLogger(name).log(level, "told")
    structlog.get_logger("server").info("not told")
    found = [(line["room"], line["level"]) for line in lines(capsys)]
    assert found == [
        *(("downstream", level) for level in ("debug", "warning", "error")),
        ("audit", "error"),
        *(("services", level) for level in ("warning", "error")),
    ]


def test_libraries_tell_nothing_below_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    configure(log_level="debug")
    logging.getLogger("sqlalchemy.engine.Engine").info("INSERT INTO passwords")
    logging.getLogger("aiohttp.access").debug("GET /?token=x")
    structlog.get_logger("server").debug("told")
    assert [line["event"] for line in lines(capsys)] == ["told"]
    with pytest.raises(ConfigurationError, match=r"log_levels\.libraries"):
        load_config({"log_levels": {"libraries": "debug"}}, {})


def test_an_unknown_room_or_format_is_refused_with_what_was_meant() -> None:
    with pytest.raises(ConfigurationError, match=r"did you mean downstream\?"):
        load_config({"log_levels": {"downstreams": "debug"}}, {})
    with pytest.raises(ConfigurationError, match="log_format"):
        load_config({"log_format": "xml"}, {})
    assert load_config({}, {"MCP_AMBASSADOR_LOG_FORMAT": "json"}).log_format == "json"


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_secrets_are_masked_wherever_they_are(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    configure(log_format=log_format)
    log = structlog.get_logger("server")
    log.warning(f"event {SECRET}", value=SECRET, values=[SECRET], by_name={"name": SECRET})
    logging.getLogger("asyncio").warning("%s", SECRET)
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        log.error("failed", exc_info=error)
        logging.getLogger(f"{OURS}.web").exception("failed")
    written = capsys.readouterr().err
    assert SECRET not in written
    assert written.count("ValueError: ") == 2


def test_a_trace_forges_no_line_of_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure(log_format="text")
    try:
        raise ValueError("x\n2026-01-01T00:00:00Z [info] all is well\r\x1b[2J")
    except ValueError:
        logging.getLogger(f"{OURS}.web").exception("failed\n2026 forged")
    written = capsys.readouterr().err.split("\n")
    assert not [line for line in written[1:] if line.startswith("2026")]
    assert "forged" in written[0]
    assert "\x1b" not in "".join(written)
    assert "\r" not in "".join(written)


@pytest.mark.parametrize("log_format", ["json", "text"])
async def test_a_line_has_the_id_of_the_request_it_was_written_in(
    capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    configure(log_format=log_format)
    log = structlog.get_logger("server")

    async def work(number: int, stays: asyncio.Event, goes_on: asyncio.Event) -> None:
        with RunningRequest(f"request-{number}"):
            log.warning(f"in {number}")
            background = asyncio.create_task(outlive(number, goes_on))
            await stays.wait()
            await asyncio.to_thread(logging.getLogger("asyncio").warning, "below in a thread of %d", number)
            await off_loop(
                logging.getLogger(f"{OURS}.domain").warning, f"in the thread for documents {number}"
            )
        goes_on.set()
        await background

    async def outlive(number: int, goes_on: asyncio.Event) -> None:
        await goes_on.wait()
        log.warning(f"after {number}")

    stays = asyncio.Event()
    both = [asyncio.create_task(work(number, stays, asyncio.Event())) for number in (1, 2)]
    await asyncio.sleep(0)
    stays.set()
    await asyncio.gather(*both)
    written = capsys.readouterr().err.splitlines()
    assert len(written) == 8
    for line in written:
        number = re.search(r"(?:in|of|documents|after) ([12])", line)
        assert number is not None
        assert re.findall(r"request-[12]", line) == ([] if "after" in line else [f"request-{number[1]}"])
        assert ("request_id" in line) == ("after" not in line)


def test_the_id_costs_nothing_while_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(log_level="error")

    def asked() -> RunningRequest | None:
        raise AssertionError("a line that is not written asks for nothing")

    monkeypatch.setattr(server_log, "running_request", asked)
    structlog.get_logger("web").warning("not told")
    logging.getLogger(f"{OURS}.web").warning("not told")


@given(st.text(alphabet=st.characters(codec=None), max_size=50), st.booleans())
def test_what_is_shown_is_printable(text: str, keeps_lines: bool) -> None:
    found = shown(text, keeps_lines=keeps_lines)
    assert found.replace("\n", "").isprintable()
    assert keeps_lines or "\n" not in found


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_line_is_bounded(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    configure(log_format=log_format)
    logging.getLogger("asyncio").error("x" * 100_000)
    assert LONGEST_VALUE < len(capsys.readouterr().err) < LONGEST_VALUE + 500
    try:
        raise ValueError("y" * 100_000)
    except ValueError:
        logging.getLogger("asyncio").exception("failed")
    assert LONGEST_TRACE < len(capsys.readouterr().err) < LONGEST_TRACE + 500


def test_a_failure_to_mask_is_told_and_does_not_ask_itself(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure()

    def broken(_: object) -> Any:
        raise RecursionError

    monkeypatch.setattr(shapes, "possible_shapes", broken)
    structlog.get_logger("server").warning(SECRET)
    written = lines(capsys)
    assert SECRET not in str(written)
    assert any("could not be redacted" in line["event"] for line in written)


def test_every_logger_has_a_room() -> None:
    assert set(ROOMS) == set(LogLevelsSection.model_fields)
    assert room_of(f"{OURS}.services.audit.delivery") == "audit"
    assert room_of(f"{OURS}.services.calls.catalog") == "services"
    assert room_of(f"{OURS}.bootstrap.periodic") == "server"
    assert room_of("") == room_of("httpx") == "libraries"
    named: set[str] = set()
    for path in (ROOT / OURS).rglob("*.py"):
        named |= set(re.findall(r'structlog\.get_logger\("([^"]+)"\)', path.read_text(encoding="utf-8")))
    assert named
    assert not [name for name in named if room_of(name) == "libraries"]


def test_the_page_has_every_room() -> None:
    text = (ROOT / "docs" / "logs.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == list(LogLevelsSection.model_fields)
    assert f"{LONGEST_VALUE:,}" in text
    assert f"{LONGEST_TRACE:,}" in text
