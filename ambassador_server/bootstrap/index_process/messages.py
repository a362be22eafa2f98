"""The messages between the server and the process that copies the log: one line of JSON each, through its pipes."""

from datetime import datetime
from typing import TypeVar

import msgspec

from ambassador_server.domain.audit.index_differences import IndexDifference
from ambassador_server.ports.audit_index import LogPosition

T = TypeVar("T")


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """The first line to the process: the URL may hold a password, so it is no argument and in no environment."""

    url: str
    audit_directory: str
    writers: tuple[str, ...]
    environment: dict[str, str]


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """A request to copy all logs up to these ends, at full speed if `hurries`."""

    number: int
    ends: dict[str, LogPosition | None]
    hurries: bool


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag="progress"):
    """The last record of a writer that is in the index."""

    writer: str
    seq: int
    at: datetime | None


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """A round is complete, and with it all rounds before; with `failure` it was given up."""

    number: int
    failure: str | None = None


class Alive(msgspec.Struct, frozen=True, kw_only=True, tag="alive"):
    """The process has read a message."""


class Compared(msgspec.Struct, frozen=True, kw_only=True, tag="compared"):
    """How the index differs from the log of a writer; with `failure` it could not be compared."""

    writer: str
    found: IndexDifference | None
    is_complete: bool
    failure: str | None = None


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """The process ends because of an error."""

    why: str


Report = Progress | Done | Alive | Compared | Failed


def encode(message: msgspec.Struct) -> bytes:
    """Return the line."""
    return msgspec.json.encode(message) + b"\n"


def decode(line: bytes, kind: type[T]) -> T:
    """Return the message; raises msgspec.MsgspecError."""
    return msgspec.json.decode(line, type=kind)


REPORTS: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)
