"""Maps each kind of object to its table; columns have the names of the fields, and column types convert values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import Column, ColumnElement, Table, and_, or_, true

from ambassador_server.domain.catalog.approved_tools import ApprovedTools
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.administrators import AdminKey, Password
from ambassador_server.domain.people.client_keys import EXPIRED, ClientKey, KeyStatus
from ambassador_server.domain.people.credentials import UserCredential
from ambassador_server.domain.people.enrolments import Enrolment
from ambassador_server.domain.people.groups import Group
from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.oauth_records import PendingConnection, StoredRegistration
from ambassador_server.domain.people.scim_resources import ScimResource
from ambassador_server.domain.people.sessions import Session
from ambassador_server.domain.people.used_once import UsedOnce
from ambassador_server.domain.people.users import User
from ambassador_server.domain.policy.approval_requests import ApprovalRequest, RequestStatus
from ambassador_server.domain.policy.grants import Grant, Subscription
from ambassador_server.domain.policy.limits import Limit
from ambassador_server.domain.policy.switches import KillSwitch
from ambassador_server.domain.shared.listing import Vocabulary
from ambassador_server.storage import credential_tables, tables
from ambassador_server.storage.list_fields import (
    Field,
    Flag,
    LinkedNames,
    OwnColumn,
    ReferencedName,
    StatusUntilExpiry,
    WordList,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


@dataclass(frozen=True)
class ObjectMapping(Generic[T]):
    """One kind of object and its table; `owners` names what its foreign keys refer to, for messages."""

    kind: type[T]
    table: Table
    noun: str
    owners: str = ""
    is_policy: bool = True
    is_shared: bool = True
    """Whether objects are read, changed and written back, so that writers must wait for each other."""
    fields: Mapping[str, Field] = field(default_factory=dict)
    """The fields that its list can be filtered and sorted by."""
    open_at: Callable[[datetime], ColumnElement[bool]] = lambda _: true()
    """The condition that an object has not ended at a time; always true for a kind that does not end."""

    @cached_property
    def id_column(self) -> Column[str]:
        """Return the primary key."""
        (column,) = self.table.primary_key.columns
        return column

    @cached_property
    def order(self) -> tuple[Column[Any], ...]:
        """Return the order of `all`: by natural name, else by time of creation, else by id."""
        if self.is_named:
            return (self.table.c.name,)
        return (
            (self.table.c.created_at, self.id_column) if "created_at" in self.table.c else (self.id_column,)
        )

    @cached_property
    def is_named(self) -> bool:
        """Tell whether objects have a unique natural name."""
        return "name" in self.table.c and bool(self.table.c.name.unique)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Return the filters and sort fields that its list accepts."""
        filters = {name: each.values for name, each in self.fields.items() if each.filters}
        return Vocabulary(
            self.noun, filters, [name for name, each in self.fields.items() if each.sort is not None]
        )

    def to_row(self, item: T) -> dict[str, Any]:
        """Return the values by column."""
        return {name: getattr(item, name) for name in self._names}

    def from_row(self, row: Sequence[Any]) -> T:
        """Return the object."""
        return self.kind(**dict(zip(self._names, row, strict=True)))

    def label(self, item: T) -> str:
        """Return the noun and name of the object for a message."""
        name = getattr(item, "name", None) or getattr(item, self.id_column.name)
        return f"{self.noun} {name!r}"

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.table.columns)


def _own(table: Table, *names: str) -> dict[str, Field]:
    return {name: OwnColumn(table.c[name]) for name in names}


def _sessions_open_at(at: datetime) -> ColumnElement[bool]:
    columns = tables.sessions.c
    return and_(columns.ended_at.is_(None), columns.expires_at > at)


def _enrolments_open_at(at: datetime) -> ColumnElement[bool]:
    columns = tables.enrolments.c
    return and_(columns.redeemed_at.is_(None), columns.expires_at > at)


def _switches_in_force(at: datetime | None) -> ColumnElement[bool]:
    columns = tables.kill_switches.c
    open_at = columns.lifted_at.is_(None) if at is None else _switches_open_at(at)
    return and_(columns.drill.is_(False), open_at)


def _switches_open_at(at: datetime) -> ColumnElement[bool]:
    columns = tables.kill_switches.c
    return and_(columns.lifted_at.is_(None), or_(columns.expires_at.is_(None), columns.expires_at > at))


_MEMBERSHIPS = tables.memberships.c

USERS = ObjectMapping(
    User,
    tables.users,
    "user",
    fields={
        **_own(
            tables.users, "name", "display_name", "email", "status", "source", "issuer", "subject", "owner"
        ),
        **_own(tables.users, "meta_tools", "created_at"),
        "role": WordList(tables.users.c.roles),
        "group": LinkedNames(tables.users.c.user_id, here=_MEMBERSHIPS.user_id, there=_MEMBERSHIPS.group_id),
    },
)
GROUPS = ObjectMapping(
    Group,
    tables.groups,
    "group",
    fields={
        **_own(tables.groups, "name", "status", "owner", "created_at"),
        "member": LinkedNames(
            tables.groups.c.group_id, here=_MEMBERSHIPS.group_id, there=_MEMBERSHIPS.user_id
        ),
    },
)
CLIENT_KEYS = ObjectMapping(
    ClientKey,
    tables.client_keys,
    "client key",
    owners="user",
    fields={
        "user": ReferencedName(tables.client_keys.c.user_id),
        **_own(tables.client_keys, "name", "prefix", "owner", "meta_tools"),
        "status": StatusUntilExpiry(
            tables.client_keys.c.status,
            tables.client_keys.c.expires_at,
            last=KeyStatus.REVOKED,
            expired=EXPIRED,
        ),
        **_own(tables.client_keys, "created_at", "expires_at", "last_used_at"),
    },
)
ENROLMENTS = ObjectMapping(
    Enrolment,
    tables.enrolments,
    "enrolment",
    owners="user",
    is_policy=False,
    fields={
        "user": ReferencedName(tables.enrolments.c.user_id),
        "name": OwnColumn(tables.enrolments.c.key_name),
        **_own(tables.enrolments, "created_by", "created_at", "expires_at"),
    },
    open_at=_enrolments_open_at,
)
REGISTRATIONS = ObjectMapping(
    StoredRegistration, credential_tables.oauth_clients, "registration", owners="MCP", is_policy=False
)
PENDING_CONNECTIONS = ObjectMapping(
    PendingConnection,
    credential_tables.pending_connections,
    "begun connection",
    owners="user or MCP",
    is_policy=False,
)
MCPS = ObjectMapping(
    Mcp,
    tables.mcps,
    "MCP",
    fields={
        **_own(tables.mcps, "name", "transport", "status", "isolation", "broadcast", "owner", "created_at"),
        "tag": WordList(tables.mcps.c.tags),
    },
)
APPROVED_TOOLS = ObjectMapping(ApprovedTools, tables.approved_tools, "approved tools", owners="MCP")
GRANTS = ObjectMapping(
    Grant,
    tables.grants,
    "grant",
    owners="group, user or MCP",
    fields={
        "group": ReferencedName(tables.grants.c.group_id),
        "user": ReferencedName(tables.grants.c.user_id),
        "mcp": ReferencedName(tables.grants.c.mcp_id),
        **_own(tables.grants, "effect", "delivery", "owner", "created_at"),
    },
)
KILL_SWITCHES = ObjectMapping(
    KillSwitch,
    tables.kill_switches,
    "kill switch",
    fields={
        **_own(tables.kill_switches, "scope", "author", "created_at"),
        "target": OwnColumn(tables.kill_switches.c.target_name),
        "active": Flag(_switches_in_force),
        "drill": Flag(lambda _: tables.kill_switches.c.drill.is_(True)),
    },
    open_at=_switches_open_at,
)
LIMITS = ObjectMapping(
    Limit,
    tables.limits,
    "limit",
    fields={
        **_own(tables.limits, "name", "scope", "measure", "owner", "created_at"),
        "target": OwnColumn(tables.limits.c.target_name),
    },
)
ISSUERS = ObjectMapping(
    Issuer, tables.issuers, "issuer", fields=_own(tables.issuers, "name", "url", "owner", "created_at")
)
USED_ONCE = ObjectMapping(
    UsedOnce, credential_tables.used_once, "single use", is_policy=False, is_shared=False
)
APPROVAL_REQUESTS = ObjectMapping(
    ApprovalRequest,
    tables.approval_requests,
    "request",
    owners="user or MCP",
    is_policy=False,
    fields={
        "user": ReferencedName(tables.approval_requests.c.user_id),
        "mcp": ReferencedName(tables.approval_requests.c.mcp_id),
        "status": StatusUntilExpiry(
            tables.approval_requests.c.status,
            tables.approval_requests.c.expires_at,
            last=RequestStatus.EXPIRED,
            expired=RequestStatus.EXPIRED,
        ),
        **_own(tables.approval_requests, "kind", "capability", "user_id", "created_at"),
        "approvers_id": OwnColumn(tables.approval_requests.c.approvers),
    },
)
SUBSCRIPTIONS = ObjectMapping(
    Subscription,
    tables.subscriptions,
    "subscription",
    owners="client key or MCP",
    fields={
        "user": ReferencedName(tables.subscriptions.c.key_id, through=tables.client_keys.c.user_id),
        "key": ReferencedName(tables.subscriptions.c.key_id),
        "mcp": ReferencedName(tables.subscriptions.c.mcp_id),
        **_own(tables.subscriptions, "key_id", "created_at"),
    },
)
CREDENTIALS = ObjectMapping(
    UserCredential,
    credential_tables.user_credentials,
    "credential",
    owners="user or MCP",
    fields={
        "user": ReferencedName(credential_tables.user_credentials.c.user_id),
        "mcp": ReferencedName(credential_tables.user_credentials.c.mcp_id),
        **_own(credential_tables.user_credentials, "status", "issuer", "created_at", "updated_at"),
    },
)
ADMIN_KEYS = ObjectMapping(
    AdminKey,
    tables.admin_keys,
    "admin key",
    owners="user",
    is_policy=False,
    fields={
        **_own(tables.admin_keys, "name", "created_at", "expires_at"),
        "user": ReferencedName(tables.admin_keys.c.user_id),
        "role": WordList(tables.admin_keys.c.roles),
    },
)
SCIM_RESOURCES = ObjectMapping(
    ScimResource, tables.scim_resources, "SCIM resource", owners="issuer", is_policy=False
)
PASSWORDS = ObjectMapping(Password, tables.passwords, "password", owners="user", is_policy=False)
SESSIONS = ObjectMapping(
    Session,
    tables.sessions,
    "session",
    owners="user or client key",
    is_policy=False,
    is_shared=False,
    fields={
        "user": ReferencedName(tables.sessions.c.user_id),
        "key": ReferencedName(tables.sessions.c.key_id),
        **_own(tables.sessions, "host_tool", "friendly_name", "created_at", "last_seen_at"),
    },
    open_at=_sessions_open_at,
)
