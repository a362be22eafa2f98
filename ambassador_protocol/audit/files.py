"""The file names of an audit directory: `<writer>/<number>.jsonl` and the public keys."""

import os
import re
from pathlib import Path

_SEGMENT = re.compile(r"([0-9]{8,18})\.jsonl")
KEY_FILES = "audit-key-*.pem"


def segment_name(number: int) -> str:
    """Return the file name of a segment; file names sort like their numbers."""
    return f"{number:08d}.jsonl"


def segment_numbers(path: Path) -> list[int]:
    """Return the numbers of the segments in a writer's directory, ascending."""
    return sorted(int(found[1]) for name in os.listdir(path) if (found := _SEGMENT.fullmatch(name)))


def key_file_name(key_id: str) -> str:
    """Return the file name of a public key in the audit directory."""
    return KEY_FILES.replace("*", key_id)
