"""Adds the fixed and default arguments of a tool to its calls, and bounds its results.

What the caller sent is never encoded again: the added members stand behind its own. A call that brings a fixed argument
is refused, because a value that changes silently misleads the model.
"""

import json
from collections.abc import Awaitable, Collection, Mapping
from typing import Final

import msgspec
from msgspec import Raw, Struct

from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.catalog.transforms import ToolTransform, compared_name
from ambassador_server.domain.policy.decision import Deny, Reason
from ambassador_server.domain.shared.large_documents import LARGE, off_loop
from ambassador_server.ports.exchange import Reply, error_reply

_CALL: Final = "tools/call"
_names_decoder = msgspec.json.Decoder(dict[str, Raw])
_MOST_NAMED: Final = 200


class CallEdits(Struct, frozen=True, kw_only=True):
    """What is changed of each call of a tool; the members are the JSON of a name, a colon and its value.

    `refused` has the names of fixed arguments as they are compared.
    """

    refused: frozenset[str] = frozenset()
    fixed: tuple[bytes, ...] = ()
    defaults: tuple[tuple[str, bytes], ...] = ()
    result_bytes: int | None = None
    timeout_seconds: float | None = None

    async def arguments(self, method: str, members: Mapping[str, bytes]) -> Mapping[str, bytes] | Deny:
        """Return the parameters of a call with the arguments that are added; a denial if it brings a fixed one."""
        if method != _CALL or not (self.refused or self.defaults):
            return members
        raw = members.get("arguments", b"{}")
        edited = self.edited(raw) if len(raw) <= LARGE else await off_loop(self.edited, raw)
        return edited if isinstance(edited, Deny) else {**members, "arguments": edited}

    def edited(self, raw: bytes) -> bytes | Deny:
        """Return a JSON object of arguments with those that are added; what cannot be read is refused."""
        try:
            given = _names_decoder.decode(raw)
        except (msgspec.MsgspecError, RecursionError):
            return Deny(Reason.ARGUMENTS_UNREADABLE, disclosed=True)
        for name in given:
            if compared_name(name) in self.refused:
                return Deny(Reason.FIXED_ARGUMENT, disclosed=True, argument=name[:_MOST_NAMED])
        added = [member for name, member in self.defaults if name not in given]
        added += self.fixed
        if not added:
            return raw
        own = raw.rstrip()[:-1]
        return b"".join((own, b"," if given else b"", b",".join(added), b"}"))

    def timeout(self, mcp: Mcp) -> float:
        """Return the deadline of a call in seconds: that of the tool, else of its MCP."""
        return mcp.call_timeout_seconds if self.timeout_seconds is None else self.timeout_seconds

    async def bounded(self, method: str, reply: Awaitable[Reply]) -> Reply:
        """Return the reply of the downstream, or an error in its place if its result is too large."""
        found = await reply
        if self.result_bytes is None or found.result is None or len(found.result) <= self.result_bytes:
            return found
        text = (
            f"The result has {len(found.result)} bytes, and an administrator permits {self.result_bytes} for this "
            "tool. Ask for less."
        )
        if method != _CALL:
            return error_reply(text)
        result = {"content": [{"type": "text", "text": text}], "isError": True}
        return Reply(result=msgspec.json.encode(result), error=None)


def call_edits(transform: ToolTransform, own: ToolTransform, described: Collection[str]) -> CallEdits | None:
    """Return what a transform changes of calls, None for nothing.

    What `own`, the part for this tool alone, does not name is added only if the definition describes it: of the
    transform for all tools, each takes the arguments that it knows.
    """
    fixed = transform.fixed_arguments
    defaults = transform.default_arguments
    edits = CallEdits(
        refused=frozenset(map(compared_name, fixed)),
        fixed=tuple(
            _member(name, text)
            for name, text in fixed.items()
            if name in own.fixed_arguments or name in described
        ),
        defaults=tuple(
            (name, _member(name, text))
            for name, text in defaults.items()
            if compared_name(name) not in set(map(compared_name, fixed))
            and (name in own.default_arguments or name in described)
        ),
        result_bytes=transform.result_bytes,
        timeout_seconds=transform.call_timeout_seconds,
    )
    return None if edits == CallEdits() else edits


def _member(name: str, value: str) -> bytes:
    return json.dumps(name).encode() + b":" + value.encode()
