"""Sample objects to store; every function takes changes of single fields."""

from datetime import UTC, datetime, timedelta
from typing import Any

from ambassador_server.domain.audit.call_actions import CALL_ACTIONS, CallStep
from ambassador_server.domain.audit.events import (
    Actor,
    ActorKind,
    AuditAction,
    AuditEvent,
    AuditRecord,
    Outcome,
    Resource,
)
from ambassador_server.domain.catalog.approved_tools import ApprovedTools
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.catalog.mcps import ArgumentPolicy, Mcp, McpStatus, Tool, ToolClass
from ambassador_server.domain.people.administrators import AdminKey, Password, Role
from ambassador_server.domain.people.client_keys import ClientKey, KeyStatus
from ambassador_server.domain.people.credentials import CredentialStatus, StoredSecret, UserCredential
from ambassador_server.domain.people.enrolments import Enrolment
from ambassador_server.domain.people.groups import Group, GroupStatus
from ambassador_server.domain.people.issuers import Algorithm, Issuer, KeySource
from ambassador_server.domain.people.oauth_records import PendingConnection, StoredRegistration
from ambassador_server.domain.people.scim_resources import ScimKind, ScimResource
from ambassador_server.domain.people.sessions import Session
from ambassador_server.domain.people.users import User, UserStatus
from ambassador_server.domain.policy.approval_requests import ApprovalRequest, RequestKind
from ambassador_server.domain.policy.grants import Effect, Grant, Subscription
from ambassador_server.domain.policy.limits import Limit, LimitScope, Measure
from ambassador_server.domain.policy.switches import KillSwitch, SwitchScope
from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.ports.store import UnitOfWork

NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)


def user(number: int = 1, **changes: Any) -> User:
    """Return the user with this number."""
    values: dict[str, Any] = {
        "user_id": f"u{number}",
        "name": f"user-{number}",
        "display_name": "Some User",
        "email": None,
        "status": UserStatus.ACTIVE,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return User(**values | changes)


def group(number: int = 1, **changes: Any) -> Group:
    """Return the group with this number."""
    values: dict[str, Any] = {
        "group_id": f"g{number}",
        "name": f"group-{number}",
        "description": "Some Group",
        "status": GroupStatus.ACTIVE,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Group(**values | changes)


def client_key(number: int = 1, **changes: Any) -> ClientKey:
    """Return a key of user 1."""
    values: dict[str, Any] = {
        "key_id": f"k{number}",
        "user_id": "u1",
        "name": f"laptop-{number}",
        "prefix": "abcdefgh",
        "digest": bytes(range(32)),
        "status": KeyStatus.ACTIVE,
        "created_at": NOW,
        "expires_at": None,
        "last_used_at": None,
        "last_host": None,
    }
    return ClientKey(**values | changes)


def enrolment(number: int = 1, **changes: Any) -> Enrolment:
    """Return an enrolment of user 1."""
    values: dict[str, Any] = {
        "enrolment_id": f"e{number}",
        "user_id": "u1",
        "key_name": f"laptop-{number}",
        "key_seconds": 3600,
        "digest": bytes([number]) * 32,
        "created_at": NOW,
        "created_by": "root",
        "expires_at": NOW + HOUR,
    }
    return Enrolment(**values | changes)


def mcp(number: int = 1, **changes: Any) -> Mcp:
    """Return the MCP with this number."""
    values: dict[str, Any] = {
        "mcp_id": f"m{number}",
        "name": f"mcp-{number}",
        "display_name": "Some MCP",
        "description": "",
        "transport": "stdio",
        "options": {"command": ["server", "--flag"], "env": {}},
        "tags": ("a", "b"),
        "status": McpStatus.PUBLISHED,
        "arguments": ArgumentPolicy.REDACTED,
        "call_timeout_seconds": 30.0,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Mcp(**values | changes)


def credential(number: int = 1, **changes: Any) -> UserCredential:
    """Return the credential of user 1 for the MCP with this number."""
    values: dict[str, Any] = {
        "credential_id": f"c{number}",
        "user_id": "u1",
        "mcp_id": f"m{number}",
        "fields": ("token",),
        "generation": "one",
        "status": CredentialStatus.ACTIVE,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return UserCredential(**values | changes)


def secret(field: str = "token", **changes: Any) -> StoredSecret:
    """Return a sealed value of credential 1."""
    values: dict[str, Any] = {"credential_id": "c1", "field": field, "key_number": 1, "sealed": b"\0\xff"}
    return StoredSecret(**values | changes)


def registration(number: int = 1, **changes: Any) -> StoredRegistration:
    """Return a registration for MCP 1."""
    values: dict[str, Any] = {
        "registration_id": f"r{number}",
        "mcp_id": "m1",
        "issuer": "https://authorization.example",
        "key_number": 1,
        "sealed": b"sealed",
        "updated_at": NOW,
    }
    return StoredRegistration(**values | changes)


def pending(number: int = 1, **changes: Any) -> PendingConnection:
    """Return a connection that user 1 has begun to MCP 1."""
    values: dict[str, Any] = {
        "pending_id": f"p{number}",
        "user_id": "u1",
        "mcp_id": "m1",
        "key_number": 1,
        "sealed": b"sealed",
        "created_at": NOW,
        "expires_at": NOW + HOUR,
    }
    return PendingConnection(**values | changes)


def approved(number: int = 1, **changes: Any) -> ApprovedTools:
    """Return the approved tools of the MCP with this number."""
    values: dict[str, Any] = {
        "mcp_id": f"m{number}",
        "digests": {"read": "0" * 64},
        "approved_at": NOW,
        "approved_by": "root",
    }
    return ApprovedTools(**values | changes)


def grant(number: int = 1, **changes: Any) -> Grant:
    """Return a grant of MCP 1 to group 1."""
    values: dict[str, Any] = {
        "grant_id": f"r{number}",
        "group_id": "g1",
        "mcp_id": "m1",
        "patterns": ("mcp-1.read_*", "*"),
        "effect": Effect.PERMIT,
        "expires_at": None,
        "created_at": NOW,
        "created_by": "root",
    }
    return Grant(**values | changes)


def request(number: int = 1, **changes: Any) -> ApprovalRequest:
    """Return a request of user 1 for a call of MCP 1."""
    values: dict[str, Any] = {
        "request_id": f"q{number}",
        "kind": RequestKind.CALL,
        "user_id": "u1",
        "mcp_id": "m1",
        "content": {"arguments": {"text": "hello"}},
        "valid_seconds": 600,
        "created_at": NOW,
        "expires_at": NOW + HOUR,
        "key_id": "k1",
        "capability_kind": CapabilityKind.TOOL,
        "capability": "mcp-1.write",
        "digest": "0" * 64,
        "basis": "1" * 64,
    }
    return ApprovalRequest(**values | changes)


def subscription(number: int = 1, **changes: Any) -> Subscription:
    """Return a subscription of key 1 to MCP 1."""
    values: dict[str, Any] = {
        "subscription_id": f"b{number}",
        "key_id": "k1",
        "mcp_id": "m1",
        "patterns": ("mcp-1.read_*",),
        "created_at": NOW,
        "created_by": "root",
    }
    return Subscription(**values | changes)


def password(number: int = 1, **changes: Any) -> Password:
    """Return the password of the user with this number."""
    values: dict[str, Any] = {"user_id": f"u{number}", "hash": "$argon2id$v=19$...", "changed_at": NOW}
    return Password(**values | changes)


def switch(number: int = 1, **changes: Any) -> KillSwitch:
    """Return a switch that stops everyone."""
    values: dict[str, Any] = {
        "switch_id": f"w{number}",
        "scope": SwitchScope.EVERYONE,
        "target": None,
        "target_name": None,
        "reason": "incident",
        "message": None,
        "author": "root",
        "drill": False,
        "created_at": NOW,
        "expires_at": None,
        "lifted_at": None,
        "lifted_by": None,
    }
    return KillSwitch(**values | changes)


def limit(number: int = 1, **changes: Any) -> Limit:
    """Return a limit of the calls of everyone."""
    values: dict[str, Any] = {
        "limit_id": f"l{number}",
        "name": f"limit-{number}",
        "scope": LimitScope.EVERYONE,
        "target": None,
        "target_name": None,
        "measure": Measure.CALLS_PER_MINUTE,
        "value": 60,
        "burst": 10,
        "owner": None,
        "created_at": NOW,
        "created_by": "root",
        "updated_at": NOW,
    }
    return Limit(**values | changes)


def issuer(number: int = 1, **changes: Any) -> Issuer:
    """Return an issuer whose keys are found by discovery."""
    values: dict[str, Any] = {
        "issuer_id": f"i{number}",
        "name": f"issuer-{number}",
        "url": f"https://login-{number}.example.com",
        "audiences": ("https://ambassador.example.com/mcp",),
        "algorithms": (Algorithm.RS256,),
        "key_source": KeySource.DISCOVERY,
        "key_place": None,
        "private_addresses": False,
        "subject_claim": "sub",
        "user_claims": ("preferred_username",),
        "email_claim": "email",
        "group_claims": ("groups",),
        "group_prefix": f"issuer-{number}.",
        "group_map": {},
        "scopes": (),
        "creates_users": False,
        "owner": None,
        "created_at": NOW,
        "created_by": "root",
        "updated_at": NOW,
    }
    return Issuer(**values | changes)


def session(number: int = 1, **changes: Any) -> Session:
    """Return a session of user 1 with key 1."""
    values: dict[str, Any] = {
        "session_id": f"s{number}",
        "connection_id": f"c{number}",
        "user_id": "u1",
        "key_id": "k1",
        "token_digest": b"\x00\xff" * 16,
        "friendly_name": "my editor",
        "host_tool": "vscode",
        "created_at": NOW,
        "expires_at": NOW + HOUR,
        "lifetime_ends_at": NOW + 24 * HOUR,
        "last_seen_at": NOW,
        "ended_at": None,
        "end_reason": None,
    }
    return Session(**values | changes)


def admin_key(number: int = 1, **changes: Any) -> AdminKey:
    """Return an admin key with two roles."""
    values: dict[str, Any] = {
        "admin_key_id": f"a{number}",
        "name": f"admin-{number}",
        "prefix": "abcdefgh",
        "digest": b"d" * 32,
        "roles": (Role.ADMIN, Role.AUDITOR),
        "created_at": NOW,
        "expires_at": None,
        "revoked_at": None,
    }
    return AdminKey(**values | changes)


def tool(name: str = "read", **changes: Any) -> Tool:
    """Return a tool that only reads."""
    values: dict[str, Any] = {
        "name": name,
        "description": "Reads.",
        "tool_class": ToolClass.READ_ONLY,
        "definition": b'{"name":"read","inputSchema":{}}',
        "digest": "0" * 64,
    }
    return Tool(**values | changes)


def event(**changes: Any) -> AuditEvent:
    """Return the event of a permitted call."""
    values: dict[str, Any] = {
        "at": NOW,
        "action": AuditAction.CALL_ATTEMPT,
        "outcome": Outcome.PERMITTED,
        "actor": Actor(kind=ActorKind.USER, id="u1", name="alice", key_id="k1", key_name="laptop"),
        "resource": Resource(kind="tool", id="m1", name="git.read"),
    }
    return AuditEvent(**values | changes)


def answered_call(kind: CapabilityKind) -> list[AuditEvent]:
    """Return the events of an answered call of this kind with a question, its end last."""
    steps = {
        CallStep.ATTEMPT: Outcome.PERMITTED,
        CallStep.QUESTION: Outcome.PERMITTED,
        CallStep.ANSWER: Outcome.SUCCEEDED,
        CallStep.OUTCOME: Outcome.SUCCEEDED,
    }
    return [call_event(kind, step, outcome) for step, outcome in steps.items()]


def call_event(kind: CapabilityKind, step: CallStep, outcome: Outcome, **changes: Any) -> AuditEvent:
    """Return the event of one step of a call of this kind."""
    resource = Resource(kind=kind, id="m1", name="git.read")
    return event(action=CALL_ACTIONS[step][kind], outcome=outcome, resource=resource, **changes)


def record(seq: int, writer: str = "w1", **changes: Any) -> AuditRecord:
    """Return record number `seq` of a writer's log."""
    return AuditRecord(writer=writer, seq=seq, digest=f"{seq:064x}", event=event(**changes))


def position(seq: int) -> LogPosition:
    """Return the position after record number `seq`."""
    return LogPosition(seq=seq, segment=1, offset=100 * seq)


async def add_owners(work: UnitOfWork) -> None:
    """Store the owners of keys, grants, sessions and tools."""
    await work.users.add(user())
    await work.groups.add(group())
    await work.mcps.add(mcp())
    await work.keys.add(client_key())


def scim_resource(number: int = 1, **changes: Any) -> ScimResource:
    """Return what issuer 1 says about user 1."""
    values: dict[str, Any] = {
        "resource_id": f"u{number}",
        "issuer_id": "i1",
        "kind": ScimKind.USER,
        "name_key": f"user-{number}",
        "external_id": f"x{number}",
        "active": True,
        "document": {"title": "Some Title"},
        "created_at": NOW,
        "updated_at": NOW,
    }
    return ScimResource(**values | changes)
