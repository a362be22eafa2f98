"""`/v1/admin/access`: explains which users may use which tools, resources and prompts."""

from collections.abc import Mapping
from typing import Any, Final, TypedDict

from aiohttp import web

from ambassador_protocol.admin.access import (
    AccessView,
    CallableToolView,
    PermittedUserView,
    ReachingClaimView,
    RuleView,
    UsablePromptView,
    UsableResourceView,
)
from ambassador_protocol.admin.issuers import ClaimedGroup
from ambassador_protocol.admin.page import Page
from ambassador_protocol.paths import ACCESS
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.people.administrators import Right
from ambassador_server.domain.policy.decision import Deny, Permit
from ambassador_server.domain.policy.explain import ConsideredRule
from ambassador_server.domain.policy.grants import Grant, Subscription
from ambassador_server.domain.policy.limits import Limit
from ambassador_server.domain.policy.pattern_spelling import spell_name
from ambassador_server.domain.policy.switches import KillSwitch
from ambassador_server.domain.policy.uri_spelling import spell_uri
from ambassador_server.errors import InvalidInputError
from ambassador_server.services.administration.access import ExplainedAccess, PermittedUser, Usable
from ambassador_server.services.administration.names import Names
from ambassador_server.services.administration.token_access import AskedToken, ReachingClaim
from ambassador_server.services.calls.catalog_index import CatalogEntry, ToolEntry
from ambassador_server.web.admin.access_path import path_of
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.admin.people_views import user_view
from ambassador_server.web.admin.policy_views import approval_view
from ambassador_server.web.bodies import extended, json_response
from ambassador_server.web.endpoints import LIST, Endpoint, Handler, Parameter
from ambassador_server.web.listing import listing, page
from ambassador_server.web.requests import flag
from ambassador_server.web.timestamps import optional_timestamp
from ambassador_server.wording.explained_access import (
    grant_text,
    limit_text,
    remedy_text,
    subscription_text,
    switch_text,
    why_not_text,
)

_ASKED: Final[Mapping[CapabilityKind, str]] = {
    CapabilityKind.TOOL: "The canonical name of a tool",
    CapabilityKind.RESOURCE: "The URI of a resource",
    CapabilityKind.PROMPT: "The canonical name of a prompt",
}


async def explain(request: web.Request) -> web.Response:
    """Explain whether `user` may use a tool, resource or prompt with `key`, or with the key that permits most.

    With `issuer`, explain it for a token of that issuer that names the groups `claimed_group`.
    """
    kind, name = _asked(request)
    arguments = request.query.get("arguments")
    if arguments is not None and (kind is not CapabilityKind.TOOL or not arguments.startswith("{")):
        raise InvalidInputError("arguments: must be a JSON object, and goes with a tool")
    access = request.app[ADMINISTRATION].access.explain(
        request.query["user"],
        name,
        kind,
        key_name=request.query.get("key"),
        token=_asked_token(request),
        arguments=None if arguments is None else arguments.encode(errors="surrogatepass"),
    )
    return json_response(
        _access_view(access, request.app[ADMINISTRATION].names, has_arguments=arguments is not None)
    )


async def tools(request: web.Request) -> web.Response:
    """List the tools that `user` may call now, with any key, with `key`, or with a token of `issuer`."""
    queries = request.app[ADMINISTRATION].access
    found = queries.tools_of(request.query["user"], listing(request), **_with(request))
    return json_response(page(request, found, _tool_view))


async def resources(request: web.Request) -> web.Response:
    """List the resources and templates that `user` may read now, with any key, `key`, or a token of `issuer`."""
    queries = request.app[ADMINISTRATION].access
    found = queries.resources_of(request.query["user"], listing(request), **_with(request))
    return json_response(page(request, found, _resource_view))


async def prompts(request: web.Request) -> web.Response:
    """List the prompts that `user` may get now, with any key, with `key`, or with a token of `issuer`."""
    queries = request.app[ADMINISTRATION].access
    found = queries.prompts_of(request.query["user"], listing(request), **_with(request))
    return json_response(page(request, found, _prompt_view))


async def who_can(request: web.Request) -> web.Response:
    """List the users who may use a tool, resource or prompt, or any published one that matches it as a pattern."""
    administration, (kind, name) = request.app[ADMINISTRATION], _asked(request)
    with_expired = flag(request, "expired", default=False)
    users = administration.access.who_can(name, listing(request), kind, with_expired=with_expired)

    def view(found: PermittedUser) -> PermittedUserView:
        shown = user_view(found.user, administration.names)
        return extended(
            PermittedUserView,
            shown,
            constrained=found.constrained,
            issuers=list(found.issuers),
            expired_grant=None if found.expired is None else found.expired.grant_id,
            expired_at=None if found.expired is None else optional_timestamp(found.expired.expires_at),
        )

    return json_response(page(request, users, view))


async def claims(request: web.Request) -> web.Response:
    """List the groups of issuers with which a token may use a tool, resource or prompt, or any that matches."""
    queries, (kind, name) = request.app[ADMINISTRATION].access, _asked(request)

    def view(found: ReachingClaim) -> ReachingClaimView:
        return ReachingClaimView(
            issuer=found.issuer, claimed=found.claimed, group=found.group, constrained=found.constrained
        )

    return json_response(page(request, queries.claims_that_reach(name, listing(request), kind), view))


class _Asker(TypedDict):
    """Which key or token a list is about."""

    key_name: str | None
    token: AskedToken | None


def _with(request: web.Request) -> _Asker:
    return {"key_name": request.query.get("key"), "token": _asked_token(request)}


def _asked_token(request: web.Request) -> AskedToken | None:
    """Return the token that the request is about; None if it is about a key."""
    issuer, groups = request.query.get("issuer"), request.query.getall("claimed_group", ())
    if issuer is None:
        if groups:
            raise InvalidInputError("claimed_group: goes with an issuer")
        return None
    if request.query.get("key") is not None:
        raise InvalidInputError("key, issuer: a request has a key or a token, not both")
    return AskedToken(issuer=issuer, groups=tuple(dict.fromkeys(groups)))


def _asked(request: web.Request) -> tuple[CapabilityKind, str]:
    """Return what the request is about."""
    given = [(kind, request.query[kind]) for kind in CapabilityKind if request.query.get(kind)]
    if len(given) != 1:
        raise InvalidInputError("tool, resource, prompt: exactly one of these query parameters is required")
    return given[0]


def _tool_view(found: Usable[ToolEntry]) -> CallableToolView:
    entry = found.entry
    return CallableToolView(
        tool=entry.ref.name,
        pattern=spell_name(entry.ref.name),
        mcp=entry.mcp_name,
        published_as=entry.published,
        tool_class=entry.tool.tool_class,
        constrained=found.constrained,
        keys=list(found.keys),
    )


def _resource_view(found: Usable[CatalogEntry]) -> UsableResourceView:
    entry = found.entry
    return UsableResourceView(
        uri=entry.ref.name,
        pattern=spell_uri(entry.ref.name),
        mcp=entry.mcp_name,
        published_as=entry.published,
        keys=list(found.keys),
    )


def _prompt_view(found: Usable[CatalogEntry]) -> UsablePromptView:
    entry = found.entry
    return UsablePromptView(
        prompt=entry.ref.name,
        pattern=spell_name(entry.ref.name),
        mcp=entry.mcp_name,
        published_as=entry.published,
        keys=list(found.keys),
    )


def _access_view(access: ExplainedAccess, names: Names, *, has_arguments: bool) -> AccessView:
    explanation, capability = access.explanation, access.capability
    decision = explanation.decision
    denied = decision if isinstance(decision, Deny) else None
    asked = {kind.value: capability.name if kind is capability.kind else None for kind in CapabilityKind}
    return AccessView(
        user=access.user.name,
        key=None if access.key is None else access.key.name,
        issuer=None if access.token is None else access.token.issuer,
        claimed_groups=[
            ClaimedGroup(claimed=claimed, group=group) for claimed, group in access.claimed.items()
        ],
        **asked,
        allowed=denied is None,
        constrained=not has_arguments and isinstance(decision, Permit) and decision.constrained,
        approval=approval_view(decision.approval, names)
        if isinstance(decision, Permit) and decision.approval is not None
        else None,
        reason=None if denied is None else denied.reason,
        remedy=remedy_text(
            explanation,
            capability,
            mcp_name=names.mcp(capability.mcp_id) or capability.mcp_id,
            user_name=access.user.name,
            key_id=None if access.key is None else access.key.key_id,
        ),
        path=path_of(access, names),
        rules=[_rule_view(considered, capability.kind, names) for considered in explanation.rules],
    )


def _rule_view(considered: ConsideredRule, kind: CapabilityKind, names: Names) -> RuleView:
    rule, rule_id, text = _described(considered.rule, names)
    not_applicable = considered.not_applicable
    return RuleView(
        kind=rule,
        id=rule_id,
        says=text,
        applies=not_applicable is None,
        why=None if not_applicable is None else why_not_text(not_applicable, kind),
        decides=considered.decides,
    )


def _described(rule: KillSwitch | Grant | Subscription | Limit, names: Names) -> tuple[str, str, str]:
    """Return the kind, the id and the text of a rule."""
    match rule:
        case KillSwitch():
            return "kill switch", rule.switch_id, switch_text(rule)
        case Grant():
            approvers = None if rule.approvers is None else names.group(rule.approvers)
            return "grant", rule.grant_id, grant_text(rule, names.grantee(rule), approvers)
        case Limit():
            return "limit", rule.limit_id, limit_text(rule)
        case Subscription():
            key_name = names.key(rule.key_id) or rule.key_id
            return "subscription", rule.subscription_id, subscription_text(rule, key_name)


_USER = Parameter(name="user", description="The name of the user.", required=True)
_ISSUER = Parameter(name="issuer", description="An issuer; then it is about a token of it instead of a key.")
_CLAIMED = Parameter(
    name="claimed_group", description="A group that the token names; is repeated for each.", kind="array"
)
_OR_PATTERN = ", or a pattern with '*'"
_ONLY_KEY = Parameter(
    name="key", description="The name or id of the only key to consider. Default: all keys."
)


def _about(suffix: str) -> tuple[Parameter, ...]:
    """Return the parameters of which one says what a request is about."""
    return tuple(
        Parameter(name=kind, description=f"{what}{suffix}. One of the three is required.")
        for kind, what in _ASKED.items()
    )


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    key = Parameter(name="key", description="The name of the key. Default: the key that permits most.")
    arguments = Parameter(
        name="arguments",
        description="The arguments of a call of the tool, as a JSON object. Default: those that permit most.",
    )
    expired = Parameter(
        name="expired",
        description="`true` also lists users who may not any more, because their grant has expired.",
        kind="boolean",
    )
    return [
        Endpoint(
            method="GET",
            path=f"{ACCESS}/explain",
            right=Right.READ,
            handler=explain,
            response_type=AccessView,
            query=(_USER, *_about(""), key, _ISSUER, _CLAIMED, arguments),
        ),
        _list("tools", tools, Page[CallableToolView]),
        _list("resources", resources, Page[UsableResourceView]),
        _list("prompts", prompts, Page[UsablePromptView]),
        Endpoint(
            method="GET",
            path=f"{ACCESS}/who-can",
            right=Right.READ,
            handler=who_can,
            response_type=Page[PermittedUserView],
            query=(*LIST, *_about(_OR_PATTERN), expired),
        ),
        Endpoint(
            method="GET",
            path=f"{ACCESS}/claims",
            right=Right.READ,
            handler=claims,
            response_type=Page[ReachingClaimView],
            query=(*LIST, *_about(_OR_PATTERN)),
        ),
    ]


def _list(name: str, handler: Handler, response_type: type[Any]) -> Endpoint:
    return Endpoint(
        method="GET",
        path=f"{ACCESS}/{name}",
        right=Right.READ,
        handler=handler,
        response_type=response_type,
        query=(*LIST, _USER, _ONLY_KEY, _ISSUER, _CLAIMED),
    )
