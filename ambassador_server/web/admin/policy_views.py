"""Converts grants, subscriptions and kill switches to wire bodies."""

import json
from datetime import datetime

from ambassador_protocol.admin.grants import GrantApprovalView, GrantView
from ambassador_protocol.admin.subscriptions import SubscriptionView
from ambassador_protocol.admin.switches import SwitchView
from ambassador_server.domain.policy.approval_rules import ApprovalRule
from ambassador_server.domain.policy.grants import Grant, Subscription
from ambassador_server.domain.policy.switches import KillSwitch
from ambassador_server.services.administration.names import Names
from ambassador_server.web.bodies import optional_list
from ambassador_server.web.timestamps import optional_timestamp, timestamp


def grant_view(grant: Grant, names: Names) -> GrantView:
    """Convert a grant."""
    return GrantView(
        id=grant.grant_id,
        group=None if grant.group_id is None else names.group(grant.group_id) or grant.group_id,
        user=None if grant.user_id is None else names.user(grant.user_id) or grant.user_id,
        request=grant.request_id,
        mcp=names.mcp(grant.mcp_id) or grant.mcp_id,
        tools=list(grant.patterns),
        resources=optional_list(grant.resources),
        prompts=optional_list(grant.prompts),
        effect=grant.effect,
        delivery=grant.delivery,
        constraints=None if grant.constraints is None else json.loads(grant.constraints),
        approval=None if grant.approval is None else approval_view(grant.approval, names),
        expires_at=optional_timestamp(grant.expires_at),
        owner=grant.owner,
        created_at=timestamp(grant.created_at),
        created_by=grant.created_by,
    )


def approval_view(rule: ApprovalRule, names: Names) -> GrantApprovalView:
    """Convert the demand of an approval."""
    approvers = None if rule.approvers is None else names.group(rule.approvers) or rule.approvers
    return GrantApprovalView(approvers=approvers, valid_seconds=rule.valid_seconds)


def subscription_view(subscription: Subscription, names: Names) -> SubscriptionView:
    """Convert a subscription of a client key."""
    return SubscriptionView(
        id=subscription.subscription_id,
        user=names.user_of_key(subscription.key_id),
        key=names.key(subscription.key_id),
        key_id=subscription.key_id,
        mcp=names.mcp(subscription.mcp_id) or subscription.mcp_id,
        tools=list(subscription.patterns),
        resources=optional_list(subscription.resources),
        prompts=optional_list(subscription.prompts),
        created_at=timestamp(subscription.created_at),
        created_by=subscription.created_by,
    )


def switch_view(switch: KillSwitch, now: datetime) -> SwitchView:
    """Convert a kill switch."""
    return SwitchView(
        id=switch.switch_id,
        scope=switch.scope,
        target=switch.target_name,
        reason=switch.reason,
        message=switch.message,
        author=switch.author,
        drill=switch.drill,
        active=switch.is_active(now),
        created_at=timestamp(switch.created_at),
        expires_at=optional_timestamp(switch.expires_at),
        lifted_at=optional_timestamp(switch.lifted_at),
        lifted_by=switch.lifted_by,
    )
