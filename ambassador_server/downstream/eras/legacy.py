"""The legacy era towards downstreams (2024-11-05 to 2025-11-25): sessions, and questions as requests."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Raw

from ambassador_protocol.mcp import INPUT_REQUIRED, META_CLIENT_CAPABILITIES, META_CLIENT_INFO, META_VERSION
from ambassador_server.domain.catalog.mcps import Tool
from ambassador_server.downstream.era import Era, Exchange
from ambassador_server.downstream.features.progress import PROGRESS_TOKEN
from ambassador_server.downstream.features.url_elicitation import MAX_ROUNDS, UrlElicitations
from ambassador_server.downstream.features.watches import ResourceWatches
from ambassador_server.downstream.transport import Transport
from ambassador_server.downstream.wire.params import REPLACED_META, read_members
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.ports.exchange import NeutralRequest, Reply

_MODERN_ONLY: Final = (META_VERSION, META_CLIENT_INFO, META_CLIENT_CAPABILITIES)


_INPUT_REQUIRED: Final = INPUT_REQUIRED.encode()


class _Kind(msgspec.Struct):
    resultType: Raw = Raw()


_kind_decoder = msgspec.json.Decoder(_Kind)


class LegacyEra:
    """Implements `era.EraAdaptor`."""

    era = Era.LEGACY

    def __init__(self, urls: UrlElicitations | None = None) -> None:
        self._urls = urls or UrlElicitations()

    async def prepare(
        self, request: NeutralRequest, progress_token: int | None
    ) -> tuple[bytes, Mapping[str, str] | None]:
        """Return the params without members of other connections, and no headers."""
        return legacy_params(request.params, progress_token), None

    async def usable(
        self, tools: tuple[Tool, ...], leave_out: Callable[[str, str], None]
    ) -> tuple[Tool, ...]:
        """Return every tool."""
        return tools

    def wants_fresh_tools(self, reply: Reply) -> bool:
        """Return False, because a call does not depend on the tool's definition."""
        return False

    def is_final(self, reply: Reply) -> bool:
        """Tell whether an answer demands no URLs and asks for no input."""
        # For bytes, `find` is several times faster than `in`, which first tries another meaning.
        return reply.result is not None and reply.result.find(_INPUT_REQUIRED) < 0

    async def finish(self, reply: Reply, request: NeutralRequest, send: Exchange) -> Reply:
        """Return the answer; one that demands that URLs are opened is asked for again when the user has done so.

        Other questions come as separate requests, so an answer that holds some raises DownstreamUnavailableError.
        """
        for _ in range(MAX_ROUNDS):
            if reply.error is None or not await self._urls.opened(request, reply.error):
                break
            reply = await send(request)
        if reply.result is not None and _INPUT_REQUIRED in reply.result:
            _check_final(reply.result)
        return reply

    def acknowledged(self) -> None:
        """Do nothing: this era has no such subscriptions."""

    async def listen(
        self, transport: Transport, send: Exchange, kinds: Sequence[str], watches: ResourceWatches | None
    ) -> bool:
        """Listen on the transport's stream for notifications and questions, if it has one."""
        return await transport.listen()


def _check_final(result: bytes) -> None:
    """Refuse an answer that asks for input: a host would take it for an empty success."""
    try:
        kind = bytes(_kind_decoder.decode(result).resultType)
    except msgspec.DecodeError:
        return
    if kind == b'"%b"' % _INPUT_REQUIRED:
        raise DownstreamUnavailableError(
            "asked for input in a way that its version of the protocol does not have"
        )


def legacy_params(params: bytes, progress_token: int | None = None) -> bytes:
    """Return the params without the members of `_meta` that concern the host's connection to this server.

    With a token the downstream is asked to report its progress.
    """
    # Most requests have no such member and are not parsed.
    if (
        progress_token is None
        and params.find(b"io.modelcontextprotocol/") < 0
        and params.find(b"progressToken") < 0
    ):
        return params
    fields = read_members(params, "params")
    meta = read_members(fields["_meta"], "params._meta") if "_meta" in fields else {}
    kept = {key: value for key, value in meta.items() if key not in REPLACED_META and key not in _MODERN_ONLY}
    if progress_token is not None:
        kept[PROGRESS_TOKEN] = Raw(b"%d" % progress_token)
    elif len(kept) == len(meta):
        return params
    if kept:
        fields["_meta"] = Raw(msgspec.json.encode(kept))
    else:
        del fields["_meta"]
    return msgspec.json.encode(fields)
