"""Shows results to a person: text on standard output, images inline or as files, other data as files."""

import base64
import json
import mimetypes
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from ambassador_client.cli.image_decoding import NotShownError
from ambassador_client.cli.terminal_images import image_sequence
from ambassador_client.errors import ClientError, SettingsError, one_line
from ambassador_protocol.mcp import DENIAL
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


class NotApprovedError(ClientError):
    """The call was not run: it waits for the approval of another person, or was denied."""

    code = ProblemCode.DENIED.value

    def __init__(self, reason: str, result: Mapping[str, Any]) -> None:
        texts = [each.get("text") for each in result.get("content") or [] if isinstance(each, dict)]
        super().__init__(" ".join(str(text) for text in texts if text is not None).rstrip("."))
        self.exit_code = 8 if reason == "approval_pending" else 4


def denial_of(result: Mapping[str, Any]) -> str | None:
    """Return the reason of a result with which the server itself has refused the call, or None."""
    meta = result.get("_meta")
    about = meta.get(DENIAL) if isinstance(meta, dict) else None
    reason = about.get("reason") if isinstance(about, dict) else None
    return reason if result.get("isError") is True and isinstance(reason, str) else None


class FileSaver:
    """Writes data that is not text to files of a directory.

    Without a directory it writes only what is wanted in any case, to a new directory for temporary files.
    """

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

    def save(self, data: bytes, media_type: str, *, in_any_case: bool = False) -> Path | None:
        """Write the data to a new file and return its path, or None if it was not saved."""
        if self._saved >= _MAX_FILES or (self._directory is None and not in_any_case):
            return None
        self._saved += 1
        directory = self._directory or self._temporary_directory
        return self._write(directory, data, media_type)

    @cached_property
    def _temporary_directory(self) -> Path:
        try:
            return Path(tempfile.mkdtemp(prefix="ambassador-client-"))  # only its owner can read it
        except OSError as error:
            raise SettingsError(f"cannot save the data: {error.strerror}", "Use --save DIR.") from error

    def _write(self, directory: Path, data: bytes, media_type: str) -> Path:
        suffix = _types.guess_extension(media_type.partition(";")[0].strip().lower()) or ".bin"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            while True:
                self._number += 1
                path = directory / f"{self._name}-{self._number}{suffix}"
                try:
                    with path.open("xb") as file:
                        file.write(data)
                except FileExistsError:
                    continue
                return path
        except OSError as error:
            raise SettingsError(
                f"cannot write into {directory}: {error.strerror}", "Check --save."
            ) from error


def show_result(result: Mapping[str, Any], saver: FileSaver) -> None:
    """Write text to standard output, and one line for each other block to standard error."""
    blocks = result.get("content")
    shown = False
    for block in blocks if isinstance(blocks, list) else []:
        shown = _show(block if isinstance(block, dict) else {}, saver) or shown
    if not shown and "structuredContent" in result:
        sys.stdout.write(json.dumps(result["structuredContent"], indent=2, ensure_ascii=True) + "\n")


def show_contents(result: Mapping[str, Any], saver: FileSaver) -> None:
    """Show the contents of a resource; what is not text is saved in any case."""
    contents = result.get("contents")
    for each in contents if isinstance(contents, list) else []:
        _show({"type": "resource", "resource": each}, saver, in_any_case=True)


def show_messages(result: Mapping[str, Any], saver: FileSaver) -> None:
    """Show the messages of a prompt, each after its role."""
    messages = result.get("messages")
    for number, message in enumerate(messages if isinstance(messages, list) else []):
        said = message if isinstance(message, dict) else {}
        _write(f"{'' if number == 0 else chr(10)}{one_line(str(said.get('role')))}:")
        content = said.get("content")
        for block in content if isinstance(content, list) else [content]:
            _show(block if isinstance(block, dict) else {}, saver)


def _show(block: Mapping[str, Any], saver: FileSaver, *, in_any_case: bool = False) -> bool:
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
        media_type = str(resource.get("mimeType", "application/octet-stream"))
        _show_data(str(kind), media_type, data, saver, in_any_case=in_any_case)
    return False


def _show_data(
    kind: str, media_type: str, encoded: str, saver: FileSaver, *, in_any_case: bool = False
) -> None:
    try:
        data = base64.b64decode(encoded, validate=True)
    except ValueError:
        sys.stderr.write(f"{one_line(kind)}: damaged\n")
        return
    is_image = media_type.startswith("image/")
    sequence, reason = _inline(data) if is_image and sys.stdout.isatty() else (None, "")
    if sequence is not None:
        sys.stdout.write(sequence + "\n")
    path = saver.save(data, media_type, in_any_case=(is_image or in_any_case) and sequence is None)
    if path is None and sequence is not None:
        return
    where = saver.hint if path is None else f"saved as {path}"
    sys.stderr.write(one_line(f"{kind} ({media_type}, {len(data)} bytes): {where}{reason}") + "\n")


def _inline(data: bytes) -> tuple[str | None, str]:
    """Return the control sequence that shows the image, or the reason why there is none, if it is of use."""
    try:
        return image_sequence(data, os.environ), ""
    except NotShownError as error:
        return None, f"; {error}"


def _write(text: str) -> None:
    if sys.stdout.isatty():
        # Control characters from a tool must not control the terminal.
        text = "".join(char if char.isprintable() or char in "\n\t" else "?" for char in text)
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
