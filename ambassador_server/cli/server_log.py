"""Writes what the server logs to stderr: as JSON or as text, bounded, printable and without secrets."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import structlog

from ambassador_server.config import ServerConfig
from ambassador_server.domain.secrets import shapes
from ambassador_server.domain.secrets.shapes import mask_text
from ambassador_server.domain.shared.running_request import running_request

LONGEST_VALUE: Final = 2_000
LONGEST_TRACE: Final = 20_000
"""How many characters of a value, and of the trace of an error, a line has at most."""

_OURS: Final = "ambassador_server"
_TRACE: Final = "exception"
_LIBRARIES: Final = "libraries"
ROOMS: Final[Mapping[str, tuple[str, ...]]] = {
    "web": ("web", f"{_OURS}.web"),
    "mcp": (f"{_OURS}.mcp",),
    "downstream": (f"{_OURS}.downstream",),
    "services": (f"{_OURS}.services",),
    "audit": (
        "audit index",
        f"{_OURS}.services.audit",
        f"{_OURS}.audit_log",
        f"{_OURS}.audit_sinks",
    ),
    "storage": (f"{_OURS}.storage",),
    "server": ("server", "jobs", _OURS),
    _LIBRARIES: ("",),
}
"""The loggers of each room; the empty name is that of every other one."""
_ROOM_OF: Final = {name: room for room, names in ROOMS.items() for name in names}


def configure_logging(settings: ServerConfig) -> None:
    """Write the logs of this process as the settings say; those of libraries from a warning on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(as_json=_is_json(settings)))
    logging.basicConfig(handlers=[handler], force=True)
    chosen = settings.log_levels.chosen()
    for room, names in ROOMS.items():
        number = logging.getLevelNamesMapping()[chosen.get(room, settings.log_level).upper()]
        if room == _LIBRARIES:
            number = max(number, logging.WARNING)
        for name in names:
            logging.getLogger(name).setLevel(number)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_COMMON,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def room_of(logger: str) -> str:
    """Return the room of a logger: that of the longest known name which it begins with."""
    while logger not in _ROOM_OF:
        logger = logger.rpartition(".")[0]
    return _ROOM_OF[logger]


def shown(text: str, *, longest: int = LONGEST_VALUE, keeps_lines: bool = False) -> str:
    """Return a text without secrets and control characters, cut where it is too long."""
    masked = mask_text(text[: 2 * longest])
    cut = masked if len(masked) <= longest else f"{masked[:longest]}..."
    if cut.isprintable():
        return cut
    # The further lines of a trace are indented, so that none can look like a line of the log.
    kept = {"\n": "\n  "} if keeps_lines else {}
    return "".join(each if each.isprintable() else kept.get(each) or _escaped(each) for each in cut)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode()


def _is_json(settings: ServerConfig) -> bool:
    return settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())


def _formatter(*, as_json: bool) -> logging.Formatter:
    last: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if not as_json:
        last = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=list(_COMMON),
        processors=[
            structlog.processors.format_exc_info,
            _show,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            last,
        ],
    )


def _add_room(logger: Any, _: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    record = line.get("_record")
    line["room"] = room_of(logger.name if record is None else record.name)
    return line


def _add_request(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    running = running_request()
    if running is not None:
        line["request_id"] = running.request_id
        if running.trace_id is not None:
            line["trace_id"] = running.trace_id
    return line


def _show(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Make each value fit to be shown."""
    if line["_record"].name == shapes.__name__:
        # It reports that masking has failed, in words of its own, and must not be masked in turn.
        return line
    for name, value in line.items():
        if isinstance(value, str):
            is_trace = name == _TRACE
            line[name] = shown(
                value, longest=LONGEST_TRACE if is_trace else LONGEST_VALUE, keeps_lines=is_trace
            )
        elif not name.startswith("_") and not isinstance(value, bool | int | float | None):
            line[name] = shown(str(value))
    return line


_COMMON: Final[tuple[structlog.typing.Processor, ...]] = (
    _add_room,
    _add_request,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)
