"""The `requestState` of an answer that asks for input: says which call goes on when the host retries its request.

It is sealed for the principal and the request, and expires, so that neither another principal nor another request can
use it.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from ambassador_protocol.jsonrpc import Code
from ambassador_server.domain.people.principals import Principal
from ambassador_server.mcp.envelope import EnvelopeError, Request
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.sealing import Sealer

LIFETIME_SECONDS: Final = 600.0
"""How long a host may take to answer the questions of one answer."""
LARGEST_STATE: Final = 256 * 1024
"""The largest sealed state, in characters, that is opened."""
_LARGEST_CONTENT: Final = LARGEST_STATE // 2
"""The largest content, in bytes, that is sealed; sealing makes it a third longer."""
_LARGEST_COMPARED: Final = 64 * 1024
"""The largest request, in bytes, that a host may write in another way when it retries it."""
_OF_ONE_ROUND: Final = frozenset({"inputResponses", "requestState", "_meta"})
"""The params in which a retry differs from the request that it repeats."""


class PassedState(msgspec.Struct, frozen=True, tag="passed"):
    """A call that the downstream continues: `state` is its own raw `requestState`, empty if it gave none.

    `methods` has the method of each question by its key. `approval` is the id of the request whose approval the call
    has used, empty if it needed none, and `round` says how often it went on with it.
    """

    mcp_id: str
    state: str
    methods: dict[str, str]
    approval: str = ""
    round: int = 0


class HeldState(msgspec.Struct, frozen=True, tag="held"):
    """A call that is held in this server; each round of questions has another number."""

    call_id: str
    round: int


class CredentialState(msgspec.Struct, frozen=True, tag="credential"):
    """A call that was refused for lack of a credential, for which the host was asked to open a URL."""

    mcp_id: str


class ApprovalState(msgspec.Struct, frozen=True, tag="approval"):
    """A call that waits for the approval of another person, about which the host was asked."""

    mcp_id: str


State: TypeAlias = PassedState | HeldState | CredentialState | ApprovalState


class _Sealed(msgspec.Struct, frozen=True):
    digest: str
    expires: float
    state: State


_decoder = msgspec.json.Decoder(_Sealed)


class RequestStates:
    """Seals and opens request states."""

    def __init__(self, *, sealer: Sealer, clock: Clock) -> None:
        self._sealer = sealer
        self._clock = clock

    def seal(self, state: State, principal: Principal, request: Request) -> str:
        """Return the sealed state of a request. Raises EnvelopeError for one that is too large."""
        expires = self._clock.now().timestamp() + LIFETIME_SECONDS
        content = msgspec.json.encode(_Sealed(request_digest(request), expires, state))
        if len(content) > _LARGEST_CONTENT:
            raise EnvelopeError(
                Code.DOWNSTREAM_UNAVAILABLE, "The MCP asks for input with a state that is too large"
            )
        return self._sealer.seal(content, _context(principal))

    def open(self, sealed: msgspec.Raw, principal: Principal, request: Request) -> State:
        """Return the state. Raises EnvelopeError for one that is invalid, expired, or of another request."""
        if len(bytes(sealed)) > LARGEST_STATE:
            raise _invalid()
        try:
            text = msgspec.json.decode(sealed, type=str)
        except msgspec.MsgspecError:
            raise _invalid() from None
        content = self._sealer.open(text, _context(principal))
        if content is None:
            raise _invalid()
        found = _decoder.decode(content)
        # Only now, because the digest of a large request takes time.
        if found.digest != request_digest(request):
            raise EnvelopeError(Code.INVALID_PARAMS, "params.requestState belongs to another request")
        if found.expires < self._clock.now().timestamp():
            raise EnvelopeError(
                Code.INVALID_PARAMS, "params.requestState has expired: send the request again"
            )
        return found.state


def request_digest(request: Request) -> str:
    """Return the digest of a request without what differs when a host retries it; the order of members is free.

    A large request must be repeated byte by byte, because decoding it would stop the event loop.
    """
    same = {name: raw for name, raw in request.params.items() if name not in _OF_ONE_ROUND}
    raws = {name: bytes(raw) for name, raw in same.items()}
    if sum(map(len, raws.values())) > _LARGEST_COMPARED:
        digests = {name: hashlib.sha256(raw).hexdigest() for name, raw in raws.items()}
        written = json.dumps(["raw", request.method, digests], sort_keys=True)
    else:
        written = json.dumps([request.method, _values(same)], sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()


def _values(members: Mapping[str, msgspec.Raw]) -> dict[str, object]:
    try:
        return {name: json.loads(bytes(raw)) for name, raw in members.items()}
    except (ValueError, RecursionError):
        raise EnvelopeError(Code.INVALID_PARAMS, "The params are not JSON") from None


def _context(principal: Principal) -> bytes:
    return f"{principal.user_id}\0{principal.key_id}".encode()


def _invalid() -> EnvelopeError:
    return EnvelopeError(Code.INVALID_PARAMS, "params.requestState is not one that this server gave")
