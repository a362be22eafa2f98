"""The file names of an audit directory: `<writer>/<number>.jsonl` and the public keys."""

import os
import re
from pathlib import Path

_SEGMENT = re.compile(r"([0-9]{8,18})\.jsonl")
_QUARANTINED = re.compile(r"([0-9]{8,18})\.quarantined")
KEY_FILES = "audit-key-*.pem"


def segment_name(number: int) -> str:
    """Return the file name of a segment; file names sort like their numbers."""
    return f"{number:08d}.jsonl"


def segment_numbers(path: Path) -> list[int]:
    """Return the numbers of the segments in a writer's directory, ascending."""
    return _numbers(path, _SEGMENT)


def quarantined_name(number: int) -> str:
    """Return the file name of a broken segment that was quarantined."""
    return f"{number:08d}.quarantined"


def quarantined_numbers(path: Path) -> list[int]:
    """Return the numbers of the quarantined segments that belong between or directly before the segments, ascending.

    One that comes before segments which were pruned is no part of the log that is left.
    """
    segments, found = segment_numbers(path), set(_numbers(path, _QUARANTINED))
    first = min(segments, default=0)
    while first - 1 in found:
        first -= 1
    return sorted(number for number in found - set(segments) if number >= first)


def is_log_file(name: str) -> bool:
    """Tell whether this is the file name of a segment, or of a quarantined one."""
    return bool(_SEGMENT.fullmatch(name) or _QUARANTINED.fullmatch(name))


def _numbers(path: Path, pattern: re.Pattern[str]) -> list[int]:
    return sorted(int(found[1]) for name in os.listdir(path) if (found := pattern.fullmatch(name)))


def key_file_name(key_id: str) -> str:
    """Return the file name of a public key in the audit directory."""
    return KEY_FILES.replace("*", key_id)
