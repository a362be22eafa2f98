"""The access tokens that providers grant for the access tokens of requests; they are only in memory."""

import asyncio
import secrets
from collections import OrderedDict
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from msgspec import Struct, structs

from ambassador_server.domain.audit.events import AuditAction, Outcome, Resource
from ambassador_server.domain.catalog.credential_needs import OAuthNeeds
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.principals import PresentedToken, SubjectToken
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.domain.policy.snapshot import Snapshot
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.errors import (
    AuthorizationDeniedError,
    AuthorizationError,
    AuthorizationServerUnavailableError,
    GrantDeadError,
    ScopeRefusedError,
)
from ambassador_server.ports.authorization import OAuthClient
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.credentials import Missing, MissingBecause
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.credentials.access_tokens import AccessToken, Hold
from ambassador_server.services.credentials.assertion_exchange import AssertionExchange, Exchanged
from ambassador_server.services.credentials.oauth_grants import url_of
from ambassador_server.services.credentials.service_tokens import LONGEST_HELD, ahead_of
from ambassador_server.services.shared.joined_reads import JoinedReads

MOST_HELD: Final = 4096
_ASK_AGAIN: Final = timedelta(seconds=5)
"""How often a provider that refuses, or does not answer, is asked again for the same token."""
_AGAIN_AFTER_REFUSAL: Final = timedelta(seconds=60)

_NOT_PRESENTED: Final = Missing(because=MissingBecause.TOKEN_NOT_PRESENTED)
_NOT_EXCHANGED: Final = Missing(because=MissingBecause.NOT_EXCHANGED)
_REFUSALS: Final = (GrantDeadError, AuthorizationDeniedError, ScopeRefusedError)

_Key = tuple[str, str, str]
"""The user, the MCP, and the digest of the presented token."""


class _Asked(Struct, frozen=True, kw_only=True):
    """For what a token is asked, and on whose word; a token is good as long as all of it is the same."""

    user_id: str
    mcp: Mcp
    needs: OAuthNeeds
    issuer: Issuer
    subject: SubjectToken
    token: PresentedToken

    @property
    def key(self) -> _Key:
        return self.user_id, self.mcp.mcp_id, self.subject.digest

    def is_same(self, other: "_Asked") -> bool:
        return (self.needs, url_of(self.mcp), self.issuer) == (other.needs, url_of(other.mcp), other.issuer)


class _Held(Struct, kw_only=True):
    """What was granted, or what it was refused with, until it is time to ask again."""

    asked: _Asked
    ask_again_at: float
    lent: AccessToken | None = None
    exchanged: Exchanged | None = None
    refusal: Missing | AuthorizationError | None = None
    refused_until: float = float("-inf")
    timer: asyncio.TimerHandle | None = None


class AssertedTokens:
    """Implements `AssertedTokenSource`."""

    def __init__(
        self,
        *,
        policy: PolicyKeeper,
        exchange: AssertionExchange,
        client: OAuthClient,
        recorder: Recorder,
        clock: Clock,
        most_held: int = MOST_HELD,
    ) -> None:
        self._policy = policy
        self._exchange = exchange
        self._client = client
        self._recorder = recorder
        self._clock = clock
        self._most_held = most_held
        self._held: OrderedDict[_Key, _Held] = OrderedDict()
        self._asks: JoinedReads[tuple[_Key, OAuthNeeds, str, datetime], AccessToken | Missing] = JoinedReads()
        self._revoking: set[asyncio.Task[None]] = set()
        policy.subscribe(self._follow)

    async def token_for(self, mcp: Mcp, user_id: str, token: PresentedToken | None) -> AccessToken | Missing:
        """Return the token for an MCP, as long as the presented one is valid."""
        asked = self._asked(mcp, user_id, token)
        if asked is None:
            return _NOT_PRESENTED
        held = self._held.get(asked.key)
        if held is not None and held.asked.is_same(asked) and self._clock.monotonic() < held.ask_again_at:
            return _lent(held)
        key = (asked.key, asked.needs, url_of(mcp), asked.issuer.updated_at)
        return await self._asks.run(key, partial(self._ask, asked))

    async def refused(self, mcp: Mcp, user_id: str, token: PresentedToken | None, refused: str) -> bool:
        """Get another token in the place of one that is refused, but not again and again."""
        asked = self._asked(mcp, user_id, token)
        held = None if asked is None else self._held.get(asked.key)
        if held is None or held.lent is None or held.lent.value != refused:
            return True
        now = self._clock.monotonic()
        if now < held.refused_until and now < held.ask_again_at:
            return False
        held.ask_again_at, held.refused_until = now, now + _AGAIN_AFTER_REFUSAL.total_seconds()
        try:
            another = await self.token_for(mcp, user_id, token)
        except AuthorizationError:
            return False
        return isinstance(another, AccessToken) and another.value != refused

    def _asked(self, mcp: Mcp, user_id: str, token: PresentedToken | None) -> _Asked | None:
        """Return what to ask for; None without a token of the provider that is still valid."""
        needs, issuers = mcp.credentials.oauth, self._policy.snapshot.issuers
        if needs is None or token is None or token.subject_token is None or issuers is None:
            return None
        issuer = issuers.by_id.get(token.issuer_id)
        if issuer is None or issuer.name != needs.provider or token.expires_at <= self._clock.now():
            return None
        return _Asked(
            user_id=user_id, mcp=mcp, needs=needs, issuer=issuer, subject=token.subject_token, token=token
        )

    async def _ask(self, asked: _Asked) -> AccessToken | Missing:
        await self._record(asked, Outcome.PERMITTED)
        try:
            exchanged = await self._exchange.run(asked.mcp, asked.needs, asked.issuer, asked.subject)
        except AuthorizationError as error:
            return await self._failed(asked, error)
        if not self._is_good(self._policy.snapshot, asked):
            self._revoke(exchanged)
            return _NOT_EXCHANGED
        return _lent(self._keep(asked, exchanged))

    async def _failed(self, asked: _Asked, error: AuthorizationError) -> AccessToken | Missing:
        """Go on with the token that is held if the servers do not answer; a refusal ends it."""
        is_refusal = isinstance(error, _REFUSALS) or type(error) is AuthorizationError
        reason = "not_exchanged" if is_refusal else "authorization_server_unavailable"
        await self._record(asked, Outcome.FAILED, reason=reason)
        held, again = self._held.get(asked.key), self._clock.monotonic() + _ASK_AGAIN.total_seconds()
        if (
            isinstance(error, AuthorizationServerUnavailableError)
            and held is not None
            and held.asked.is_same(asked)
            and self._is_valid(held)
            and held.lent is not None
        ):
            held.ask_again_at = again
            held.lent = structs.replace(held.lent, ask_again_at=self._clock.now() + _ASK_AGAIN)
            return held.lent
        self._end_and_revoke(asked.key)
        refusal = _NOT_EXCHANGED if is_refusal else error
        self._put(_Held(asked=asked, ask_again_at=again, refusal=refusal))
        if isinstance(refusal, Missing):
            return refusal
        raise refusal

    def _keep(self, asked: _Asked, exchanged: Exchanged) -> _Held:
        now, before = self._clock.now(), self._held.get(asked.key)
        same = (
            before if before is not None and before.lent is not None and before.asked.is_same(asked) else None
        )
        ends = exchanged.tokens.expires_at or now + LONGEST_HELD
        ask_again_at = min(ahead_of(ends, now), asked.token.expires_at)
        lent = AccessToken(
            value=exchanged.tokens.access_token,
            ask_again_at=ask_again_at,
            generation=secrets.token_hex(4) if same is None or same.lent is None else same.lent.generation,
            holder=asked.subject.digest,
            hold=Hold() if same is None or same.lent is None else same.lent.hold,
        )
        if same is None:
            self._end(asked.key)
        held = _Held(
            asked=asked,
            ask_again_at=self._clock.monotonic() + (ask_again_at - now).total_seconds(),
            lent=lent,
            exchanged=exchanged,
            refused_until=float("-inf") if same is None else same.refused_until,
        )
        self._put(held)
        return held

    def _put(self, held: _Held) -> None:
        key = held.asked.key
        self._cancel_timer(self._held.get(key))
        self._held[key] = held
        self._held.move_to_end(key)
        self._wait_for_end(held)
        while len(self._held) > self._most_held:
            self._end_and_revoke(next(iter(self._held)))

    def _wait_for_end(self, held: _Held) -> None:
        """End what is held with its presented token; an issuer that is asked moves that end as long as it is good."""
        left = (_end_of(held.asked.token) - self._clock.now()).total_seconds()
        if left <= 0:
            self._end_and_revoke(held.asked.key)
        else:
            held.timer = asyncio.get_running_loop().call_later(left, self._wait_for_end, held)

    def _follow(self, snapshot: Snapshot) -> None:
        """End what is not granted any more: nothing of it is in memory when a switch is lifted again."""
        for key in [key for key, held in self._held.items() if not self._is_good(snapshot, held.asked)]:
            self._end_and_revoke(key)

    def _is_good(self, snapshot: Snapshot, asked: _Asked) -> bool:
        user, mcp = snapshot.users.get(asked.user_id), snapshot.mcps.get(asked.mcp.mcp_id)
        issuers, now = snapshot.issuers, self._clock.now()
        if user is None or user.status is not UserStatus.ACTIVE or mcp is None or issuers is None:
            return False
        issuer = issuers.by_id.get(asked.issuer.issuer_id)
        if issuer != asked.issuer or _end_of(asked.token) <= now:
            return False
        if mcp.credentials.oauth != asked.needs or mcp.options.get("url") != url_of(asked.mcp):
            return False
        stops = (
            (SwitchScope.EVERYONE, None),
            (SwitchScope.USER, asked.user_id),
            (SwitchScope.MCP, asked.mcp.mcp_id),
        )
        return all(snapshot.active_switch(scope, target, now) is None for scope, target in stops)

    def _is_valid(self, held: _Held) -> bool:
        ends = None if held.exchanged is None else held.exchanged.tokens.expires_at
        return ends is None or self._clock.now() < ends

    def _end_and_revoke(self, key: _Key) -> None:
        ended = self._end(key)
        if ended is not None and ended.exchanged is not None:
            self._revoke(ended.exchanged)

    def _end(self, key: _Key) -> _Held | None:
        held = self._held.pop(key, None)
        self._cancel_timer(held)
        if held is not None and held.lent is not None and held.lent.hold is not None:
            held.lent.hold.is_over = True
        return held

    def _cancel_timer(self, held: _Held | None) -> None:
        if held is not None and held.timer is not None:
            held.timer.cancel()

    def _revoke(self, exchanged: Exchanged) -> None:
        """Revoke a token where that is offered, without waiting: it ends by itself soon."""
        task = asyncio.get_running_loop().create_task(self._revoke_quietly(exchanged))
        self._revoking.add(task)
        task.add_done_callback(self._revoking.discard)

    async def _revoke_quietly(self, exchanged: Exchanged) -> None:
        with suppress(AuthorizationError):
            await self._client.revoke(exchanged.server, exchanged.registration, exchanged.tokens)

    async def _record(self, asked: _Asked, outcome: Outcome, *, reason: str | None = None) -> None:
        user = self._policy.snapshot.users.get(asked.user_id)
        await self._recorder.event(
            AuditAction.TOKEN_REFRESH,
            outcome,
            resource=Resource(kind="credential", id=None, name=asked.mcp.name),
            reason=reason,
            details={
                "user": None if user is None else user.name,
                "issuer": asked.needs.issuer,
                "provider": asked.issuer.name,
            },
        )


def _end_of(token: PresentedToken) -> datetime:
    return token.expires_at if token.lease is None else min(token.expires_at, token.lease.until)


def _lent(held: _Held) -> AccessToken | Missing:
    """Return what is held; raises the error that servers were found not to answer with."""
    if isinstance(held.refusal, AuthorizationError):
        raise held.refusal.with_traceback(None)
    found = held.lent or held.refusal
    if found is None:
        raise AssertionError("either a token is held or a refusal")
    return found
