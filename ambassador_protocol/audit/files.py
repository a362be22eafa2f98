"""How the files of an audit directory are named: `<writer>/<number>.jsonl`."""

import os
import re
from pathlib import Path

_SEGMENT = re.compile(r"([0-9]{8,18})\.jsonl")
KEY_FILES = "audit-key-*.pem"


def segment_name(number: int) -> str:
    """Return the file name of a segment; names sort as the numbers do."""
    return f"{number:08d}.jsonl"


def segment_numbers(path: Path) -> list[int]:
    """Return the numbers of the segments in a writer's directory, ascending."""
    return sorted(int(found[1]) for name in os.listdir(path) if (found := _SEGMENT.fullmatch(name)))


def key_file_name(key_id: str) -> str:
    """Return the file in the audit directory that holds a public key."""
    return KEY_FILES.replace("*", key_id)
