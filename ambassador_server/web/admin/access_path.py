"""Converts an explained decision to its path: user, key, group, grant, MCP and capability, up to where it ends."""

from collections.abc import Iterator, Mapping
from typing import Final

from ambassador_protocol.admin.access import PathStepView
from ambassador_server.domain.policy.decision import UNKNOWN, Deny, Reason
from ambassador_server.domain.policy.explain import Explanation
from ambassador_server.domain.policy.grants import Effect, Grant
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.services.administration.access import ExplainedAccess
from ambassador_server.services.administration.names import Names

_SHOWN_OF_ID: Final = 8

_USER, _KEY, _GROUP, _GRANT, _MCP, _CAPABILITY = "user", "key", "group", "grant", "mcp", "capability"
_ISSUER: Final = "issuer"
"""In place of the key of a request with a token."""

END_OF_SWITCH: Final[Mapping[SwitchScope, str]] = {
    SwitchScope.EVERYONE: _USER,
    SwitchScope.USER: _USER,
    SwitchScope.GROUP: _GROUP,
    SwitchScope.KEY: _KEY,
    SwitchScope.SESSION: _KEY,
    SwitchScope.MCP: _MCP,
    SwitchScope.TOOL: _CAPABILITY,
    SwitchScope.TOOL_CLASS: _CAPABILITY,
}

END_OF_REASON: Final[Mapping[Reason, str]] = {
    Reason.POLICY_STALE: _USER,
    Reason.UNKNOWN_USER: _USER,
    Reason.USER_NOT_ACTIVE: _USER,
    Reason.UNKNOWN_KEY: _KEY,
    Reason.KEY_NOT_ACTIVE: _KEY,
    Reason.KEY_EXPIRED: _KEY,
    Reason.UNKNOWN_ISSUER: _KEY,
    Reason.TOKEN_EXPIRED: _KEY,
    Reason.CERTIFICATE_REVOKED: _KEY,
    Reason.TOKEN_INACTIVE: _KEY,
    Reason.SESSION_ENDED: _KEY,
    Reason.NO_GRANT: _GRANT,
    Reason.ARGUMENT_NOT_ALLOWED: _GRANT,
    Reason.EXPLICIT_DENY: _GRANT,
    Reason.NOT_SUBSCRIBED: _GRANT,
    Reason.MCP_NOT_PUBLISHED: _MCP,
    Reason.NOT_SELECTED: _CAPABILITY,
    Reason.DEFINITION_CHANGED: _CAPABILITY,
    Reason.APPROVAL_PENDING: _GRANT,
    Reason.APPROVAL_DENIED: _GRANT,
    Reason.CREDENTIAL_MISSING: _MCP,
    Reason.FIXED_ARGUMENT: _CAPABILITY,
    Reason.ARGUMENTS_UNREADABLE: _CAPABILITY,
    Reason.LIMIT_EXCEEDED: _CAPABILITY,
    **dict.fromkeys(UNKNOWN.values(), _CAPABILITY),
}


def path_of(access: ExplainedAccess, names: Names) -> list[PathStepView]:
    """Return the steps of a permitted request, or those up to the one that denies it, which is the last."""
    decision = access.explanation.decision
    end = None if not isinstance(decision, Deny) else _end(decision)
    found: list[PathStepView] = []
    for kind, name in _steps(access, names, end):
        shown = access.capability.kind.value if kind == _CAPABILITY else kind
        if kind == _KEY and access.token is not None:
            shown = _ISSUER
        found.append(PathStepView(kind=shown, name=name, ends=kind == end))
        if kind == end:
            break
    return found


def _end(decision: Deny) -> str:
    return END_OF_REASON[decision.reason] if decision.switch is None else END_OF_SWITCH[decision.switch.scope]


def _steps(access: ExplainedAccess, names: Names, end: str | None) -> Iterator[tuple[str, str | None]]:
    yield _USER, access.user.name
    if access.token is None:
        yield _KEY, None if access.key is None else access.key.name
    else:
        yield _KEY, access.token.issuer
    grant = _grant(access.explanation)
    if grant is not None and grant.group_id is not None:
        yield _GROUP, names.group(grant.group_id) or grant.group_id
    elif grant is None or end == _GROUP:
        # A grant for the user leads through no group, but a kill switch on one of the groups ends it all the same.
        yield _GROUP, ", ".join(sorted(filter(None, map(names.group, access.groups)))) or None
    yield _GRANT, None if grant is None else grant.grant_id[:_SHOWN_OF_ID]
    yield _MCP, names.mcp(access.capability.mcp_id) or access.capability.mcp_id
    yield _CAPABILITY, access.capability.name


def _grant(explanation: Explanation) -> Grant | None:
    """Return the grant that decides, else one that would permit the request."""
    grants = [
        (considered, considered.rule)
        for considered in explanation.rules
        if isinstance(considered.rule, Grant) and (considered.decides or considered.not_applicable is None)
    ]
    deciding = [rule for considered, rule in grants if considered.decides]
    permitting = [rule for _, rule in grants if rule.effect is Effect.PERMIT]
    return next(iter([*deciding, *permitting]), None)
