"""Requests for access: a user asks for an MCP or a tool for some time, and an approval makes a grant that ends."""

import hashlib
import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.policy.approval_requests import ApprovalRequest, RequestKind, RequestStatus
from ambassador_server.domain.policy.approval_rules import ApprovalRule
from ambassador_server.domain.policy.asked_access import AskedAccess
from ambassador_server.domain.policy.grants import Effect, Grant
from ambassador_server.errors import Advice, ConflictError, InvalidInputError, NotFoundError
from ambassador_server.services.administration.grants import add_grant_for_user
from ambassador_server.services.administration.pattern_checks import PatternChecks
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.changes.approval_requests import LONGEST_REASON, ApprovalRequests, Wanted
from ambassador_server.services.changes.audited_change import Change
from ambassador_server.services.changes.policy_keeper import PolicyKeeper

WAITS: Final = timedelta(days=7)
"""How long a request for access waits for its decision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessTarget:
    """What a request for access is about now: its MCP, None if there is none, and whether it has the tool.

    `has_tool` is None for a whole MCP, and while nothing is known of the tools of the MCP.
    """

    mcp: Mcp | None = None
    has_tool: bool | None = None


class AccessRequests:
    """Takes requests for access, and makes the grants of those that are approved."""

    def __init__(
        self,
        *,
        requests: ApprovalRequests,
        policy: PolicyKeeper,
        catalog: Catalog,
        patterns: PatternChecks,
        longest: timedelta,
    ) -> None:
        self._requests = requests
        self._policy = policy
        self._catalog = catalog
        self._patterns = patterns
        self._longest = longest
        requests.on_approval[RequestKind.ACCESS] = self._give

    async def ask(
        self, requester: Requester, *, user_id: str, name: str, reason: str, lifetime: timedelta
    ) -> ApprovalRequest:
        """Ask for `mcp` or `mcp.tool`, whether it exists or not: nothing that a user learns depends on that.

        Asking again for the same returns the request that waits. Raises InvalidInputError, TooManyRequestsError, and
        ConflictError for what was asked for otherwise, or was denied just now.
        """
        asked = AskedAccess.parse(name)
        if not timedelta() < lifetime <= self._longest:
            raise InvalidInputError(f"for_seconds: 1 to {int(self._longest.total_seconds())}")
        wanted = Wanted(
            kind=RequestKind.ACCESS,
            user_id=user_id,
            mcp_id=None,
            rule=ApprovalRule(int(lifetime.total_seconds())),
            content={},
            digest=hashlib.sha256(f"access {asked.name}".encode()).hexdigest(),
            basis=RequestKind.ACCESS,
            capability_kind=asked.kind,
            capability=asked.name,
            reason=_checked(reason),
            waits=WAITS,
        )
        request = await self._requests.ask(requester, wanted)
        if request.status is RequestStatus.DENIED:
            raise ConflictError(
                f"{request.decided_by} has denied this just now (request {request.request_id})",
                advice=Advice.ASK_ADMINISTRATOR,
            )
        if (request.valid_seconds, request.reason) != (wanted.rule.valid_seconds, wanted.reason):
            raise ConflictError(
                f"Request {request.request_id} for this waits already, with another time or reason",
                advice=Advice.CANCEL_REQUEST,
            )
        return request

    def target_of(self, request: ApprovalRequest) -> AccessTarget:
        """Return what a request for access is about now, for those who decide it."""
        asked = AskedAccess.parse(request.capability or "")
        mcp = next((each for each in self._policy.snapshot.mcps.values() if each.name == asked.mcp), None)
        if mcp is None or asked.canonical is None:
            return AccessTarget(mcp=mcp)
        tools = self._catalog.state(mcp.mcp_id).tools
        names = {
            f"{mcp.name}.{mcp.transforms.name_of(tool.name)}"
            for tool in tools
            if mcp.transforms.is_offered(tool.name)
        }
        return AccessTarget(mcp=mcp, has_tool=asked.canonical in names if tools else None)

    async def _give(self, change: Change, requester: Requester, request: ApprovalRequest) -> ApprovalRequest:
        """Add the grant for exactly what was asked for. Raises NotFoundError if it is unknown."""
        asked = AskedAccess.parse(request.capability or "")
        mcp, user = await change.work.mcps.by_name(asked.mcp), await change.work.users.get(request.user_id)
        if mcp is None or user is None or request.decided_at is None:
            raise NotFoundError(f"No MCP {asked.mcp!r}: deny the request, or add the MCP first")
        findings = await self._patterns.check(change.work, mcp, asked.named)
        if unknown := (*findings.misspelt, *findings.unmatched):
            raise NotFoundError(
                f"{' '.join(unknown)} Deny the request, or approve it when there is such a tool"
            )
        change.warnings += findings.unchecked
        grant = Grant(
            grant_id=str(uuid.uuid4()),
            group_id=None,
            user_id=user.user_id,
            request_id=request.request_id,
            mcp_id=mcp.mcp_id,
            patterns=asked.named.tools,
            effect=Effect.PERMIT,
            expires_at=request.expires_at,
            created_at=request.decided_at,
            created_by=requester.actor.name or requester.actor.kind,
        )
        await add_grant_for_user(change, grant, user=user.name, mcp=mcp.name)
        return replace(request.used(request.decided_at), grant_id=grant.grant_id)


def _checked(reason: str) -> str:
    text = reason.strip()
    if not text or len(text) > LONGEST_REASON or not text.isprintable():
        raise InvalidInputError(f"reason: one line of printable text, of 1 to {LONGEST_REASON} characters")
    return text
