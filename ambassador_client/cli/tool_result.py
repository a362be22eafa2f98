"""Shows the result of a tool to a person: text on standard output, other data as files."""

import base64
import json
import mimetypes
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ambassador_client.errors import ClientError, SettingsError, one_line
from ambassador_protocol.problems import ProblemCode

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_MAX_FILES = 100

# Independent of the machine's own media types, so that file names are the same everywhere.
_types = mimetypes.MimeTypes()
for _media_type, _suffix in {"audio/wav": ".wav", "audio/ogg": ".ogg", "image/webp": ".webp"}.items():
    _types.add_type(_media_type, _suffix)


class ToolFailedError(ClientError):
    """The tool ran and returned an error."""

    code = ProblemCode.TOOL_FAILED.value


class FileSaver:
    """Writes data that is not text to files of a directory; without a directory it writes nothing."""

    def __init__(self, directory: Path | None, tool: str) -> None:
        self._directory = directory
        self._name = _UNSAFE.sub("-", tool)[:60] or "tool"
        self._number = 0
        self._saved = 0

    @property
    def hint(self) -> str:
        """Return the reason why data was not saved, or how to save it."""
        return (
            "not saved; use --save DIR" if self._directory is None else f"not saved, after {_MAX_FILES} files"
        )

    def save(self, data: bytes, media_type: str) -> Path | None:
        """Write the data to a new file and return its path, or None if it was not saved."""
        if self._directory is None or self._saved >= _MAX_FILES:
            return None
        self._saved += 1
        suffix = _types.guess_extension(media_type.partition(";")[0].strip().lower()) or ".bin"
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            while True:
                self._number += 1
                path = self._directory / f"{self._name}-{self._number}{suffix}"
                try:
                    with path.open("xb") as file:
                        file.write(data)
                except FileExistsError:
                    continue
                return path
        except OSError as error:
            raise SettingsError(
                f"cannot write into {self._directory}: {error.strerror}", "Check --save."
            ) from error


def show_result(result: Mapping[str, Any], saver: FileSaver) -> None:
    """Write text to standard output, and one line for each other block to standard error."""
    blocks = result.get("content")
    shown = False
    for block in blocks if isinstance(blocks, list) else []:
        shown = _show(block if isinstance(block, dict) else {}, saver) or shown
    if not shown and "structuredContent" in result:
        sys.stdout.write(json.dumps(result["structuredContent"], indent=2, ensure_ascii=True) + "\n")


def _show(block: Mapping[str, Any], saver: FileSaver) -> bool:
    kind = block.get("type")
    if kind == "text":
        _write(str(block.get("text", "")))
        return True
    if kind == "resource_link":
        _write(str(block.get("uri", "")))
        return True
    inside = block.get("resource")
    resource = inside if isinstance(inside, dict) else block
    if isinstance(resource.get("text"), str):
        _write(resource["text"])
        return True
    data = resource.get("data", resource.get("blob"))
    if isinstance(data, str):
        _show_data(str(kind), str(resource.get("mimeType", "application/octet-stream")), data, saver)
    return False


def _show_data(kind: str, media_type: str, encoded: str, saver: FileSaver) -> None:
    try:
        data = base64.b64decode(encoded, validate=True)
    except ValueError:
        sys.stderr.write(f"{one_line(kind)}: damaged\n")
        return
    path = saver.save(data, media_type)
    where = saver.hint if path is None else f"saved as {path}"
    sys.stderr.write(one_line(f"{kind} ({media_type}, {len(data)} bytes): {where}") + "\n")


def _write(text: str) -> None:
    if sys.stdout.isatty():
        # Control characters from a tool must not control the terminal.
        text = "".join(char if char.isprintable() or char in "\n\t" else "?" for char in text)
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
