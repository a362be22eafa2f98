"""`/v1/admin/access`: explains which users may call which tools."""

from aiohttp import web

from ambassador_protocol.admin.access import AccessView, CallableToolView, RuleView
from ambassador_protocol.admin.page import Page
from ambassador_protocol.admin.users import UserView
from ambassador_protocol.paths import ACCESS
from ambassador_server.domain.people.administrators import Right
from ambassador_server.domain.policy.decision import Deny
from ambassador_server.domain.policy.explain import ConsideredRule
from ambassador_server.domain.policy.grants import Grant, Subscription
from ambassador_server.domain.policy.pattern_spelling import spell_name
from ambassador_server.domain.policy.switches import KillSwitch
from ambassador_server.services.administration.access import CallableTool, ExplainedAccess
from ambassador_server.services.administration.names import Names
from ambassador_server.web.admin.access_path import path_of
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.admin.people_views import user_view
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import LIST, Endpoint, Parameter
from ambassador_server.web.listing import listing, page
from ambassador_server.wording.explained_access import (
    WHY_NOT,
    grant_text,
    remedy_text,
    subscription_text,
    switch_text,
)


async def explain(request: web.Request) -> web.Response:
    """Explain whether `user` may call `tool` with `key`, or with the key that permits most."""
    user, tool = request.query["user"], request.query["tool"]
    access = request.app[ADMINISTRATION].access.explain(user, tool, key_name=request.query.get("key"))
    return json_response(_access_view(access, request.app[ADMINISTRATION].names))


async def tools(request: web.Request) -> web.Response:
    """List the tools that `user` may call now, with any key or with `key`."""
    found = request.app[ADMINISTRATION].access.tools_of(
        request.query["user"], listing(request), key_name=request.query.get("key")
    )
    return json_response(page(request, found, _tool_view))


async def who_can(request: web.Request) -> web.Response:
    """List the users who may call `tool`, or any published tool that matches it as a pattern."""
    administration = request.app[ADMINISTRATION]
    users = administration.access.who_can(request.query["tool"], listing(request))
    return json_response(page(request, users, lambda user: user_view(user, administration.names)))


def _tool_view(found: CallableTool) -> CallableToolView:
    entry = found.entry
    return CallableToolView(
        tool=entry.ref.name,
        pattern=spell_name(entry.ref.name),
        mcp=entry.mcp_name,
        published_as=entry.published,
        tool_class=entry.tool.tool_class,
        keys=list(found.keys),
    )


def _access_view(access: ExplainedAccess, names: Names) -> AccessView:
    explanation = access.explanation
    denied = explanation.decision if isinstance(explanation.decision, Deny) else None
    return AccessView(
        user=access.user.name,
        key=None if access.key is None else access.key.name,
        tool=access.tool,
        allowed=denied is None,
        reason=None if denied is None else denied.reason,
        remedy=remedy_text(
            explanation,
            user_name=access.user.name,
            key_id="" if access.key is None else access.key.key_id,
            tool_name=access.tool,
        ),
        path=path_of(access, names),
        rules=[_rule_view(considered, names) for considered in explanation.rules],
    )


def _rule_view(considered: ConsideredRule, names: Names) -> RuleView:
    kind, rule_id, text = _described(considered.rule, names)
    not_applicable = considered.not_applicable
    return RuleView(
        kind=kind,
        id=rule_id,
        says=text,
        applies=not_applicable is None,
        why=None if not_applicable is None else WHY_NOT[not_applicable],
        decides=considered.decides,
    )


def _described(rule: KillSwitch | Grant | Subscription, names: Names) -> tuple[str, str, str]:
    """Return the kind, the id and the text of a rule."""
    match rule:
        case KillSwitch():
            return "kill switch", rule.switch_id, switch_text(rule)
        case Grant():
            return "grant", rule.grant_id, grant_text(rule, names.group(rule.group_id) or rule.group_id)
        case Subscription():
            key_name = names.key(rule.key_id) or rule.key_id
            return "subscription", rule.subscription_id, subscription_text(rule, key_name)


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    tool = Parameter(name="tool", description="The canonical name of the tool.", required=True)
    user = Parameter(name="user", description="The name of the user.", required=True)
    pattern = Parameter(
        name="tool", description="The canonical name of the tool, or a pattern with '*'.", required=True
    )
    key = Parameter(name="key", description="The name of the key. Default: the key that permits most.")
    only = Parameter(name="key", description="The name or id of the only key to consider. Default: all keys.")
    return [
        Endpoint(
            method="GET",
            path=f"{ACCESS}/explain",
            right=Right.READ,
            handler=explain,
            response_type=AccessView,
            query=(user, tool, key),
        ),
        Endpoint(
            method="GET",
            path=f"{ACCESS}/tools",
            right=Right.READ,
            handler=tools,
            response_type=Page[CallableToolView],
            query=(*LIST, user, only),
        ),
        Endpoint(
            method="GET",
            path=f"{ACCESS}/who-can",
            right=Right.READ,
            handler=who_can,
            response_type=Page[UserView],
            query=(*LIST, pattern),
        ),
    ]
