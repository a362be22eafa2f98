"""The answer of a broadcast: what every MCP answered side by side, as structured content and as text, within bounds.

The bytes are shared out: answers that are shorter than their share leave the rest to the longer ones, and a longer one
is cut with a mark. Each line that an MCP wrote is indented in the text, so that none can look like the part of another.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

LEAST_BYTES: Final = 64 * 1024
"""What the frame of an answer about the most targets takes, with room for what they answered."""
UNREADABLE: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What is raised for JSON that is none."""
_FRAME: Final = 1024
_FRAME_OF_TARGET: Final = 512
_FRAME_OF_MEDIUM: Final = 100
_MEDIA: Final = frozenset({"image", "audio"})
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_RULE: Final = "=" * 80
_LINE: Final = "-" * 80
_LONGEST_ERROR: Final = 1000
_LONGEST_NAME: Final = 200
_MARK: Final = "\n[cut here: the MCP answered {size:,} bytes]"


class TargetAnswer(Struct, frozen=True, kw_only=True):
    """What one MCP answered: the members of a valid result that has not failed, or an error and its reason.

    `size` is that of the whole result, and `is_cut` tells that the members are only its beginning.
    """

    server: str
    result: Mapping[str, Raw] | None = None
    error: str = ""
    reason: str = ""
    size: int = 0
    is_cut: bool = False


class _Block(Struct):
    type: str = ""
    text: str = ""
    mime_type: str = msgspec.field(default="", name="mimeType")
    data: str = ""


_blocks_decoder = msgspec.json.Decoder(list[_Block])
_value_decoder = msgspec.json.Decoder()


def broadcast_result(tool: str, answers: Sequence[TargetAnswer], milliseconds: int, most_bytes: int) -> bytes:
    """Return the result of a broadcast, which has at most so many bytes; it is an error if every target failed."""
    given = [each for each in answers if each.result is not None]
    failed = [each for each in answers if each.result is None]
    frame = _FRAME + _FRAME_OF_TARGET * len(answers)
    results, errors, truncated = _structured(given, failed, (most_bytes - 2 * frame) // 2)
    structured = {
        "tool_name": _cut(tool, _LONGEST_NAME, "…"),
        "total_servers": len(answers),
        "successful": len(given),
        "failed": len(failed),
        "results": results,
        "errors": errors,
        "reasons": {each.server: each.reason for each in failed},
        "truncated": truncated,
        "execution_time_ms": milliseconds,
    }
    encoded = msgspec.json.encode(structured)
    text = _text(structured, most_bytes - len(encoded) - frame)
    room = most_bytes - len(encoded) - _encoded_length(text) - frame
    result = {
        "content": [{"type": "text", "text": text}, *_media(results, room)],
        "structuredContent": Raw(encoded),
        "isError": not given,
    }
    return msgspec.json.encode(result)


def kept_answer(server: str, members: Mapping[str, Raw], size: int, most_bytes: int) -> TargetAnswer:
    """Return an answer that keeps no more of a result than can be shown of it.

    Raises an UNREADABLE error for members that would make the whole answer invalid.
    """
    if size > most_bytes:
        return TargetAnswer(
            server=server, result=_cut_result(members, size, most_bytes), size=size, is_cut=True
        )
    for each in members.values():
        _value_decoder.decode(each)
    return TargetAnswer(server=server, result=members, size=size)


def failed_text(content: bytes) -> str:
    """Return the text of the content of a result that is an error."""
    return "\n".join(block.text for block in _blocks(content) if block.text) or "The tool failed"


def _structured(
    given: Sequence[TargetAnswer], failed: Sequence[TargetAnswer], room: int
) -> tuple[dict[str, Raw], dict[str, str], dict[str, int]]:
    """Return the results, the errors, and the sizes of what was cut."""
    whole = {each.server: msgspec.json.encode(each.result) for each in given}
    sizes = [len(each) for each in whole.values()]
    sizes += [min(_encoded_length(each.error), _LONGEST_ERROR) for each in failed]
    share = _fair_share(sizes, room)
    results: dict[str, Raw] = {}
    truncated: dict[str, int] = {}
    for answer in given:
        encoded = whole[answer.server]
        size = max(answer.size, len(encoded))
        if len(encoded) > share or answer.is_cut:
            truncated[answer.server] = size
        if len(encoded) > share:
            encoded = msgspec.json.encode(_cut_result(answer.result or {}, size, share))
        results[answer.server] = Raw(encoded)
    bound = min(share, _LONGEST_ERROR)
    return results, {each.server: _cut(each.error, bound, "…") for each in failed}, truncated


def _fair_share(sizes: Iterable[int], room: int) -> int:
    """Return the largest bound with which all together fit into the room."""
    ordered = sorted(sizes)
    left = max(room, 0)
    for position, size in enumerate(ordered):
        share = left // (len(ordered) - position)
        if size > share:
            return share
        left -= size
    return max(ordered, default=0)


def _cut_result(members: Mapping[str, Raw], size: int, bound: int) -> dict[str, Raw]:
    """Return a result with the beginning of the texts; other content is left out."""
    blocks = _blocks(bytes(members.get("content", Raw(b"[]"))))
    text = "\n".join(_shown(block) for block in blocks)
    if not text:
        text = bytes(members.get("structuredContent", Raw(b""))).decode(errors="replace")
    frame = len(msgspec.json.encode({"content": [{"type": "text", "text": ""}]}))
    cut = _cut(text, max(bound - frame, 0), _MARK.format(size=size))
    return {"content": Raw(msgspec.json.encode([{"type": "text", "text": cut}]))}


def _cut(text: str, bound: int, mark: str) -> str:
    """Return the text, or its beginning with a mark: as JSON at most so many bytes, but for the mark of a tiny one."""
    if _encoded_length(text) <= bound:
        return text
    room = bound - _encoded_length(mark)
    kept = text[: max(room, 0)]
    while kept and (length := _encoded_length(kept)) > room:
        kept = kept[: min(len(kept) - 1, len(kept) * max(room, 0) // length)]
    return kept + mark


def _encoded_length(text: str) -> int:
    return len(msgspec.json.encode(text)) - 2


def _text(structured: Mapping[str, Any], room: int) -> str:
    """Return the same as text."""
    results = {server: _indented(_result_text(bytes(raw))) for server, raw in structured["results"].items()}
    share = _fair_share(map(_encoded_length, results.values()), room - _text_frame(structured))
    lines = [
        _RULE,
        f"BROADCAST RESULTS: {structured['tool_name']}",
        _RULE,
        f"Total Servers: {structured['total_servers']}",
        f"Successful: {structured['successful']}",
        f"Failed: {structured['failed']}",
        f"Execution Time: {structured['execution_time_ms']}ms",
        "",
        "RESULTS BY SERVER:",
        _LINE,
    ]
    for server, text in results.items():
        lines += [f"[{server}]", _cut(text, share, "\n  [cut here: see the structured content]"), ""]
    if structured["errors"]:
        lines += ["ERRORS:", _LINE]
        lines += [f"[{server}] ERROR: {_one_line(text)}" for server, text in structured["errors"].items()]
    return "\n".join([*lines, _RULE])


def _media(results: Mapping[str, Raw], room: int) -> list[dict[str, str]]:
    """Return the images and sounds, each behind the name of its MCP, as far as there is room.

    Hosts show these to models, and not all of them know structured content. Of each block only the known members are
    returned, because a host may refuse the whole answer for one that is malformed.
    """
    found: list[dict[str, str]] = []
    for server, encoded in results.items():
        content = msgspec.json.decode(encoded, type=dict[str, Raw]).get("content", Raw(b"[]"))
        for block in _blocks(bytes(content)):
            size = len(block.data) + _encoded_length(block.mime_type) + len(server) + _FRAME_OF_MEDIUM
            if block.type in _MEDIA and _BASE64.fullmatch(block.data) and size <= room:
                found.append({"type": "text", "text": f"[{server}]"})
                found.append({"type": block.type, "data": block.data, "mimeType": block.mime_type})
                room -= size
    return found


def _text_frame(structured: Mapping[str, Any]) -> int:
    """Return what the text takes besides the results."""
    errors = sum(_encoded_length(each) for each in structured["errors"].values())
    return errors + _encoded_length(structured["tool_name"])


def _result_text(encoded: bytes) -> str:
    members = msgspec.json.decode(encoded, type=dict[str, Raw])
    text = "\n".join(_shown(block) for block in _blocks(bytes(members.get("content", Raw(b"[]")))))
    if text or "structuredContent" not in members:
        return text
    try:
        return json.dumps(_value_decoder.decode(members["structuredContent"]), indent=2, ensure_ascii=False)
    except UNREADABLE:
        return ""


def _shown(block: _Block) -> str:
    """Return a block as text; of other content, what it is."""
    if block.type == "text":
        return block.text
    what = " ".join(part for part in (block.type, block.mime_type) if part)
    return f"[{what}]"


def _blocks(content: bytes) -> list[_Block]:
    try:
        return _blocks_decoder.decode(content)
    except UNREADABLE:
        return []


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _one_line(text: str) -> str:
    return " ".join(text.split())
