"""Domain to wire, one function per type."""

from datetime import datetime

from ambassador_protocol import __version__
from ambassador_protocol.admin.account import Whoami
from ambassador_protocol.admin.admin_keys import AdminKeyView
from ambassador_protocol.admin.enrolments import EnrolmentView
from ambassador_protocol.admin.grants import GrantView
from ambassador_protocol.admin.groups import GroupView
from ambassador_protocol.admin.keys import KeyView
from ambassador_protocol.admin.mcps import McpView, OutputView, ToolView
from ambassador_protocol.admin.sessions import SessionView
from ambassador_protocol.admin.subscriptions import SubscriptionView
from ambassador_protocol.admin.switches import SwitchView
from ambassador_protocol.admin.users import UserView
from ambassador_server.domain.catalog.mcps import (
    OutputLine,
    Tool,
    canonical_name,
)
from ambassador_server.domain.people.administrators import Administrator, AdminKey
from ambassador_server.domain.people.client_keys import ClientKey
from ambassador_server.domain.people.enrolments import Enrolment
from ambassador_server.domain.people.groups import Group
from ambassador_server.domain.people.sessions import Session
from ambassador_server.domain.people.users import User
from ambassador_server.domain.policy.grants import Grant, Subscription
from ambassador_server.domain.policy.switches import KillSwitch
from ambassador_server.domain.secrets.option_masking import mask_options
from ambassador_server.services.administration.names import Names
from ambassador_server.services.calls.catalog import CatalogEntry
from ambassador_server.services.registry.mcp_reports import McpReport
from ambassador_server.web.timestamps import optional_timestamp, timestamp


def user_view(user: User, names: Names) -> UserView:
    """Show a user."""
    return UserView(
        name=user.name,
        display_name=user.display_name,
        email=user.email,
        status=user.status,
        groups=names.groups_of(user.user_id),
        roles=[role.value for role in user.roles],
        source=user.source,
        owner=user.owner,
        created_at=timestamp(user.created_at),
        updated_at=timestamp(user.updated_at),
    )


def admin_key_view(key: AdminKey, names: Names, now: datetime) -> AdminKeyView:
    """Show an admin key, or a login with the roles its user has now."""
    user = None if key.user_id is None else names.user(key.user_id)
    roles = key.roles if key.user_id is None or user is None else names.roles_of(key.user_id)
    return AdminKeyView(
        name=key.name,
        kind="login" if key.is_login else "key",
        user=user,
        roles=[role.value for role in roles],
        prefix=key.prefix,
        status="revoked" if key.revoked_at is not None else "active" if key.is_good(now) else "expired",
        created_by=key.created_by,
        created_at=timestamp(key.created_at),
        expires_at=optional_timestamp(key.expires_at),
        revoked_at=optional_timestamp(key.revoked_at),
    )


def whoami_view(administrator: Administrator) -> Whoami:
    """Show an administrator to itself."""
    is_login = administrator.user_id is not None
    return Whoami(
        name=administrator.name,
        kind="login" if is_login else "key",
        user=administrator.name if is_login else None,
        roles=[role.value for role in administrator.roles],
        expires_at=optional_timestamp(administrator.expires_at),
        server_version=__version__,
    )


def group_view(group: Group, names: Names) -> GroupView:
    """Show a group."""
    return GroupView(
        name=group.name,
        description=group.description,
        status=group.status,
        members=names.members_of(group.group_id),
        owner=group.owner,
        created_at=timestamp(group.created_at),
    )


def mcp_view(report: McpReport) -> McpView:
    """Show a catalog entry and its downstream."""
    mcp, state, activity = report.mcp, report.state, report.activity
    return McpView(
        name=mcp.name,
        display_name=mcp.display_name,
        description=mcp.description,
        transport=mcp.transport,
        options=dict(mask_options(mcp.options)),
        tags=list(mcp.tags),
        arguments=mcp.arguments,
        call_timeout_seconds=mcp.call_timeout_seconds,
        isolation=mcp.isolation,
        status=mcp.status,
        state=state.status,
        error=state.error,
        tools=len(state.tools),
        connections=activity.connections,
        calls_in_flight=activity.in_flight,
        restarts=activity.restarts,
        owner=mcp.owner,
        created_at=timestamp(mcp.created_at),
    )


def output_view(line: OutputLine, names: Names) -> OutputView:
    """Show a line that a downstream wrote."""
    user = None if line.user_id is None else names.user(line.user_id) or line.user_id
    return OutputView(user=user, text=line.text)


def tool_view(entry: CatalogEntry) -> ToolView:
    """Show a tool."""
    return ToolView(
        name=entry.ref.name,
        published_as=entry.published,
        tool_class=entry.tool.tool_class,
        description=entry.tool.description,
    )


def offered_tool_view(mcp_name: str, tool: Tool) -> ToolView:
    """Show a tool that a downstream offers, published or not."""
    return ToolView(
        name=canonical_name(mcp_name, tool.name),
        published_as="",
        tool_class=tool.tool_class,
        description=tool.description,
    )


def grant_view(grant: Grant, names: Names) -> GrantView:
    """Show a grant."""
    return GrantView(
        id=grant.grant_id,
        group=names.group(grant.group_id) or grant.group_id,
        mcp=names.mcp(grant.mcp_id) or grant.mcp_id,
        tools=list(grant.patterns),
        effect=grant.effect,
        delivery=grant.delivery,
        expires_at=optional_timestamp(grant.expires_at),
        owner=grant.owner,
        created_at=timestamp(grant.created_at),
        created_by=grant.created_by,
    )


def key_view(key: ClientKey, names: Names) -> KeyView:
    """Show a client key without its secret."""
    return KeyView(
        id=key.key_id,
        user=names.user(key.user_id) or key.user_id,
        name=key.name,
        prefix=key.prefix,
        status=key.status,
        expires_at=optional_timestamp(key.expires_at),
        last_used_at=optional_timestamp(key.last_used_at),
        last_host=key.last_host,
        owner=key.owner,
        created_at=timestamp(key.created_at),
    )


def subscription_view(subscription: Subscription, names: Names) -> SubscriptionView:
    """Show what a client has chosen of an MCP."""
    return SubscriptionView(
        id=subscription.subscription_id,
        user=names.user_of_key(subscription.key_id),
        key=names.key(subscription.key_id),
        key_id=subscription.key_id,
        mcp=names.mcp(subscription.mcp_id) or subscription.mcp_id,
        tools=list(subscription.patterns),
        created_at=timestamp(subscription.created_at),
        created_by=subscription.created_by,
    )


def switch_view(switch: KillSwitch, now: datetime) -> SwitchView:
    """Show a kill switch."""
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


def enrolment_view(enrolment: Enrolment, names: Names) -> EnrolmentView:
    """Show an enrolment."""
    return EnrolmentView(
        id=enrolment.enrolment_id,
        user=names.user(enrolment.user_id) or enrolment.user_id,
        name=enrolment.key_name,
        created_by=enrolment.created_by,
        created_at=timestamp(enrolment.created_at),
        expires_at=timestamp(enrolment.expires_at),
        key_expires_in_seconds=enrolment.key_seconds,
    )


def session_view(session: Session, names: Names) -> SessionView:
    """Show a session."""
    return SessionView(
        id=session.session_id,
        user=names.user(session.user_id) or session.user_id,
        key=names.key(session.key_id) or session.key_id,
        friendly_name=session.friendly_name,
        host_tool=session.host_tool,
        created_at=timestamp(session.created_at),
        last_seen_at=timestamp(session.last_seen_at),
        expires_at=timestamp(session.expires_at),
        ended_at=optional_timestamp(session.ended_at),
    )
