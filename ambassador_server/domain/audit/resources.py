"""Builds the resources of audit events."""

from ambassador_server.domain.audit.events import Resource
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.administrators import AdminKey
from ambassador_server.domain.people.client_keys import ClientKey
from ambassador_server.domain.people.groups import Group
from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.sessions import Session
from ambassador_server.domain.people.users import User
from ambassador_server.domain.policy.approval_requests import ApprovalRequest
from ambassador_server.domain.policy.grants import Grant
from ambassador_server.domain.policy.limits import Limit


def user_resource(user: User) -> Resource:
    """Return the resource for events about a user."""
    return Resource(kind="user", id=user.user_id, name=user.name)


def group_resource(group: Group) -> Resource:
    """Return the resource for events about a group."""
    return Resource(kind="group", id=group.group_id, name=group.name)


def key_resource(key: ClientKey) -> Resource:
    """Return the resource for events about a client key."""
    return Resource(kind="key", id=key.key_id, name=key.name)


def admin_key_resource(key: AdminKey) -> Resource:
    """Return the resource for events about an admin key."""
    return Resource(kind="admin_key", id=key.admin_key_id, name=key.name)


def grant_resource(grant: Grant) -> Resource:
    """Return the resource for events about a grant."""
    return Resource(kind="grant", id=grant.grant_id, name=None)


def limit_resource(limit: Limit) -> Resource:
    """Return the resource for events about a limit."""
    return Resource(kind="limit", id=limit.limit_id, name=limit.name)


def issuer_resource(issuer: Issuer) -> Resource:
    """Return the resource for events about an issuer."""
    return Resource(kind="issuer", id=issuer.issuer_id, name=issuer.name)


def request_resource(request: ApprovalRequest) -> Resource:
    """Return the resource for events about a request that another person decides."""
    return Resource(kind="request", id=request.request_id, name=request.capability)


def mcp_resource(mcp: Mcp) -> Resource:
    """Return the resource for events about a catalog entry."""
    return Resource(kind="mcp", id=mcp.mcp_id, name=mcp.name)


def session_resource(session: Session) -> Resource:
    """Return the resource for events about a session."""
    return Resource(kind="session", id=session.session_id, name=session.friendly_name)
