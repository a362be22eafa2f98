"""Converts users, groups, keys, enrolments and sessions to wire bodies."""

from datetime import datetime

from ambassador_protocol import __version__
from ambassador_protocol.admin.account import Whoami
from ambassador_protocol.admin.admin_keys import AdminKeyView
from ambassador_protocol.admin.client_keys import KeyView
from ambassador_protocol.admin.enrolments import EnrolmentView
from ambassador_protocol.admin.groups import GroupView
from ambassador_protocol.admin.sessions import SessionView
from ambassador_protocol.admin.users import UserView
from ambassador_server.domain.people.administrators import Administrator, AdminKey
from ambassador_server.domain.people.client_keys import ClientKey
from ambassador_server.domain.people.enrolments import Enrolment
from ambassador_server.domain.people.groups import Group
from ambassador_server.domain.people.sessions import Session
from ambassador_server.domain.people.users import User
from ambassador_server.services.administration.names import Names
from ambassador_server.web.timestamps import optional_timestamp, timestamp


def user_view(user: User, names: Names) -> UserView:
    """Convert a user."""
    return UserView(
        name=user.name,
        display_name=user.display_name,
        email=user.email,
        status=user.status,
        groups=names.groups_of(user.user_id),
        roles=[role.value for role in user.roles],
        source=user.source,
        issuer=user.issuer,
        subject=user.subject,
        owner=user.owner,
        meta_tools=user.meta_tools,
        described_by=names.issuer(user.provisioner),
        created_at=timestamp(user.created_at),
        updated_at=timestamp(user.updated_at),
    )


def group_view(group: Group, names: Names) -> GroupView:
    """Convert a group."""
    return GroupView(
        name=group.name,
        description=group.description,
        status=group.status,
        members=names.members_of(group.group_id),
        owner=group.owner,
        created_at=timestamp(group.created_at),
        described_by=names.issuer(group.provisioner),
    )


def key_view(key: ClientKey, names: Names, now: datetime) -> KeyView:
    """Convert a client key, without its secret."""
    return KeyView(
        id=key.key_id,
        user=names.user(key.user_id) or key.user_id,
        name=key.name,
        prefix=key.prefix,
        status=key.shown_status(now),
        expires_at=optional_timestamp(key.expires_at),
        last_used_at=optional_timestamp(key.last_used_at),
        last_host=key.last_host,
        owner=key.owner,
        meta_tools=key.meta_tools,
        created_at=timestamp(key.created_at),
    )


def enrolment_view(enrolment: Enrolment, names: Names) -> EnrolmentView:
    """Convert an enrolment."""
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
    """Convert a session."""
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


def admin_key_view(key: AdminKey, names: Names, now: datetime) -> AdminKeyView:
    """Convert an admin key, or a login with the current roles of its user."""
    user = None if key.user_id is None else names.user(key.user_id)
    roles = key.roles if key.user_id is None or user is None else names.roles_of(key.user_id)
    return AdminKeyView(
        name=key.name,
        kind="login" if key.is_login else "key",
        user=user,
        roles=[role.value for role in roles],
        prefix=key.prefix,
        issuer=names.issuer(key.issuer_id),
        status="revoked" if key.revoked_at is not None else "active" if key.is_good(now) else "expired",
        created_by=key.created_by,
        created_at=timestamp(key.created_at),
        expires_at=optional_timestamp(key.expires_at),
        revoked_at=optional_timestamp(key.revoked_at),
    )


def whoami_view(administrator: Administrator) -> Whoami:
    """Convert the administrator who makes the request."""
    is_user = administrator.user_id is not None
    kind = "login" if is_user else "key"
    return Whoami(
        name=administrator.name,
        kind="certificate" if administrator.is_certified else kind,
        user=administrator.name if is_user else None,
        roles=[role.value for role in administrator.roles],
        expires_at=optional_timestamp(administrator.expires_at),
        server_version=__version__,
    )
