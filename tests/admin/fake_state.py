"""The state of the fake admin API, and the faults that tests inject."""

import threading
from dataclasses import asdict, dataclass, field
from typing import Any

from ambassador_protocol.admin.credential_needs import without_defaults
from ambassador_protocol.admin.mcps import NewMcp
from ambassador_protocol.admin.tool_transforms import short_transforms

ADMIN_KEY = "amb_ak_" + "A" * 48
AUDITOR_KEY = "amb_ak_" + "B" * 48
LOGIN_KEY = "amb_ak_" + "D" * 48
NEW_ADMIN_KEY = "amb_ak_" + "E" * 48
PASSWORD = "correct horse battery"
SECRET = "amb_pk_" + "C" * 48
AT = "2026-05-04T12:00:00.000Z"

Item = dict[str, Any]


@dataclass
class FakeState:
    """All objects, faults to inject, and the requests received.

    `page_size` limits every page; `broken_answers` has the status and body to answer to a method and path.
    `stream_opened` is set when a client follows the audit; `dropped_events` is the number of events removed from it.
    """

    ca_pem: str | None = None
    page_size: int = 1000
    is_ready: bool = True
    users: dict[str, Item] = field(default_factory=dict)
    groups: dict[str, Item] = field(default_factory=dict)
    mcps: dict[str, Item] = field(default_factory=dict)
    tools: dict[str, list[Item]] = field(default_factory=dict)
    output: dict[str, list[Item]] = field(default_factory=dict)
    grants: dict[str, Item] = field(default_factory=dict)
    keys: dict[str, Item] = field(default_factory=dict)
    subscriptions: dict[str, Item] = field(default_factory=dict)
    given: list[Item] = field(default_factory=list)
    switches: dict[str, Item] = field(default_factory=dict)
    limits: dict[str, Item] = field(default_factory=dict)
    issuers: dict[str, Item] = field(default_factory=dict)
    approvals: dict[str, Item] = field(default_factory=dict)
    enrolments: dict[str, Item] = field(default_factory=dict)
    sessions: dict[str, Item] = field(default_factory=dict)
    definitions: dict[str, list[Item]] = field(default_factory=dict)
    admin_keys: dict[str, Item] = field(default_factory=dict)
    is_logged_in: bool = False
    warnings: list[str] = field(default_factory=list)
    events: list[Item] = field(default_factory=list)
    findings: list[Item] = field(default_factory=list)
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    broken_answers: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    stream_opened: threading.Event = field(default_factory=threading.Event)
    dropped_events: int = 0
    stream_generation: object = None

    @property
    def changes(self) -> list[tuple[str, str, Any]]:
        """Return the requests other than GET, without dry runs."""
        return [asked for asked in self.requests if asked[0] != "GET" and not _is_dry_run(asked)]

    @property
    def dry_runs(self) -> list[tuple[str, str, Any]]:
        """Return the requests that were dry runs."""
        return [asked for asked in self.requests if _is_dry_run(asked)]

    def close_streams(self) -> None:
        """End the open streams."""
        self.stream_generation = object()

    def add_user(self, name: str, **members: Any) -> None:
        """Add a user."""
        self.users[name] = {
            "name": name,
            "display_name": name.title(),
            "email": None,
            "status": "active",
            "groups": [],
            "roles": [],
            "source": "local",
            **{"issuer": None, "subject": None},
            "owner": None,
            "meta_tools": "off",
            "created_at": AT,
            "updated_at": AT,
        } | members

    def add_group(self, name: str, *users: str) -> None:
        """Add a group."""
        self.groups[name] = {
            "name": name,
            "description": "",
            "status": "active",
            "members": list(users),
            "owner": None,
            "created_at": AT,
        }

    def add_mcp(self, name: str, *tools: tuple[str, str], status: str = "published") -> None:
        """Add an MCP with its tools, given by name and class."""
        self.tools[name] = [_tool_view(name, tool, kind) for tool, kind in tools]
        new = NewMcp(name=name, transport="stdio", options={"command": "mcp-server", "args": [name]})
        self.mcps[name] = mcp_view(new, status, len(tools))

    def add_definition(
        self, mcp: str, tool: str, approved: str | None, offered: str | None, **members: Any
    ) -> None:
        """Let a tool of an MCP wait for an approval; the digests are counted."""
        waiting = self.definitions.setdefault(mcp, [])
        approval = "new" if approved is None else "gone" if offered is None else "changed"
        digests = [
            None if text is None else f"{2 * len(waiting) + n:064}"
            for n, text in enumerate((approved, offered))
        ]
        waiting.append(
            {
                "tool": tool,
                "approval": approval,
                "approved_digest": digests[0],
                "offered_digest": digests[1],
                "approved": approved,
                "offered": offered,
                "renamed_from": None,
                "renamed_to": None,
                "findings": [],
                "findings_left_out": 0,
                **members,
            }
        )
        self.mcps[mcp]["waiting"] = len(waiting)

    def add_grant(self, grant_id: str, *, group: str | None, mcp: str, **members: Any) -> Item:
        """Add a grant."""
        self.grants[grant_id] = {
            "id": grant_id,
            "group": group,
            "user": None,
            "request": None,
            "mcp": mcp,
            "tools": ["*"],
            "resources": None,
            "prompts": None,
            "effect": "permit",
            "delivery": "automatic",
            "constraints": None,
            "approval": None,
            "expires_at": None,
            "owner": None,
            "created_at": AT,
            "created_by": "ops",
        } | members
        return self.grants[grant_id]

    def add_key(self, key_id: str, *, user: str, name: str, **members: Any) -> Item:
        """Add a client key."""
        self.keys[key_id] = {
            "id": key_id,
            "user": user,
            "name": name,
            "prefix": SECRET[7:15],
            "status": "active",
            "expires_at": None,
            "last_used_at": None,
            "last_host": None,
            "owner": None,
            "meta_tools": "inherit",
            "created_at": AT,
        } | members
        return self.keys[key_id]

    def add_subscription(self, key_id: str, mcp: str, *tools: str, **others: list[str] | None) -> Item:
        """Add a subscription."""
        key = self.keys[key_id]
        self.subscriptions[f"{key_id}/{mcp}"] = {
            "id": f"subscription-{len(self.subscriptions) + 1}",
            "user": key["user"],
            "key": key["name"],
            "key_id": key_id,
            "mcp": mcp,
            "tools": list(tools),
            "resources": None,
            "prompts": None,
            "created_at": AT,
            "created_by": "ops",
        } | others
        return self.subscriptions[f"{key_id}/{mcp}"]

    def add_switch(
        self, switch_id: str, *, scope: str, target: str | None, reason: str, **members: Any
    ) -> Item:
        """Add a kill switch."""
        self.switches[switch_id] = {
            "id": switch_id,
            "scope": scope,
            "target": target,
            "reason": reason,
            "message": None,
            "author": "ops",
            "drill": False,
            "active": True,
            "created_at": AT,
            "expires_at": None,
            "lifted_at": None,
            "lifted_by": None,
        } | members
        return self.switches[switch_id]

    def add_limit(self, name: str, *, scope: str, measure: str, value: int, **members: Any) -> Item:
        """Add a limit."""
        self.limits[name] = {
            "id": f"limit-{len(self.limits) + 1}",
            "name": name,
            "scope": scope,
            "target": None,
            "measure": measure,
            "value": value,
            "burst": value if measure == "calls_per_minute" else None,
            "owner": None,
            "created_at": AT,
            "created_by": "ops",
            "updated_at": AT,
        } | members
        return self.limits[name]

    def add_finding(self, writer: str, problem: str | None = None, **members: Any) -> None:
        """Add the result of verifying a writer."""
        fault = {"writer": writer, "segment": 2, "line": 3, "seq": 41, "problem": problem}
        place = {"place": f"{writer}/00000002.jsonl, line 3, record 41: {problem}"}
        self.findings.append(
            {
                "writer": writer,
                "ok": problem is None,
                "segments": 2,
                "records": 40,
                "first_seq": 1,
                "seq": 43,
                "digest": "d" * 64,
                "checkpoints": 1,
                "covered_seq": 42,
                "covered_at": AT,
                "uncovered": 0,
                "is_closed": False,
                "pruned": None,
                "torn": None,
                "fault": None if problem is None else fault | place,
            }
            | members
        )

    def add_enrolment(self, enrolment_id: str, *, user: str, name: str, **members: Any) -> Item:
        """Add an enrolment."""
        self.enrolments[enrolment_id] = {
            "id": enrolment_id,
            "user": user,
            "name": name,
            "created_by": "root",
            "created_at": AT,
            "expires_at": "2026-05-04T13:45:00.000Z",
            "key_expires_in_seconds": None,
        } | members
        return self.enrolments[enrolment_id]

    def add_session(self, session_id: str, *, user: str, **members: Any) -> None:
        """Add a session."""
        self.sessions[session_id] = _session_view(session_id, user) | members

    def add_event(self, action: str, outcome: str, **members: Any) -> None:
        """Add an audit event."""
        self.events.append(_event_view(len(self.events) + 1, action, outcome) | members)


def _session_view(session_id: str, user: str) -> Item:
    """Return an open session as the API shows it."""
    return {
        "id": session_id,
        "user": user,
        "key": "laptop",
        "friendly_name": f"{user}'s machine",
        "host_tool": "vscode",
        "created_at": AT,
        "last_seen_at": AT,
        "expires_at": "2026-05-04T14:00:00.000Z",
        "ended_at": None,
    }


def _event_view(number: int, action: str, outcome: str) -> Item:
    """Return an audit event as the API shows it."""
    return {
        "id": f"node-1:{number}",
        "cursor": number,
        "writer": "node-1",
        "seq": number,
        "digest": f"{number:064x}",
        "at": f"2026-05-04T12:00:{number % 60:02}.000Z",
        "action": action,
        "outcome": outcome,
        "actor": {
            "kind": "user",
            "id": "u-1",
            "name": "alice",
            "key_id": "k-1",
            "key_name": "laptop",
        },
        "resource": {"kind": "tool", "id": None, "name": "git.log"},
        "reason": None,
        "request_id": f"request-{number}",
        "session_id": "s-1",
        "source": "127.0.0.1",
        "details": {},
    }


def _tool_view(mcp: str, tool: str, tool_class: str) -> Item:
    return {
        "name": f"{mcp}.{tool}",
        "pattern": f"{mcp}.{tool}",
        "published_as": f"{mcp}__{tool}",
        "tool_class": tool_class,
        "approval": "approved",
        "description": f"What {tool} does.",
        "own_name": tool,
        "own_tool_class": tool_class,
        "own_description": f"What {tool} does.",
        "hidden": False,
        "changed": [],
        "findings": [],
        "findings_left_out": 0,
        "broadcast_as": "",
        "not_broadcast": "",
    }


def mcp_view(new: NewMcp, status: str, tools: int) -> Item:
    """Return a catalog entry as the API shows it."""
    return {
        "name": new.name,
        "display_name": new.display_name or new.name,
        "description": new.description,
        "transport": new.transport,
        "options": new.options,
        "tags": new.tags,
        "arguments": new.arguments,
        "call_timeout_seconds": new.call_timeout_seconds,
        "max_in_flight": new.max_in_flight,
        "breaker_failures": new.breaker_failures,
        "grace_seconds": new.grace_seconds,
        "isolation": new.isolation,
        "pin": new.pin,
        "prefixed": new.prefixed,
        "sessions": new.sessions,
        "broadcast": new.broadcast,
        "credentials": without_defaults(asdict(new.credentials)),
        "transforms": short_transforms({tool: asdict(each) for tool, each in new.transforms.items()}),
        "status": status,
        "state": "ready" if status == "published" else "stopped",
        "error": None,
        "tools": tools,
        "resources": 0,
        "prompts": 0,
        "waiting": 0,
        "approved_set": "a" * 64 if status == "published" else None,
        "offered_set": "a" * 64 if status == "published" else None,
        "tools_left_out": 0,
        "left_out": [],
        "warnings": [],
        "last_error": None,
        "last_error_at": None,
        "breaker": "closed",
        "next_probe_at": None,
        "withdrawn": False,
        "connections": 1 if status == "published" else 0,
        "calls_in_flight": 0,
        "restarts": 0,
        "sandbox": "landlock" if new.transport == "stdio" else None,
        "owner": new.owner,
        "created_at": AT,
    }


def _is_dry_run(asked: tuple[str, str, Any]) -> bool:
    return asked[1].endswith("dry_run=true")


def credential(user: str, mcp: str, *fields: str) -> Item:
    """Return what a user has given for an MCP."""
    return {
        "id": f"credential-{user}-{mcp}",
        "user": user,
        "mcp": mcp,
        "status": "active",
        "fields": list(fields),
        "missing": [],
        "scopes": [],
        "issuer": None,
        "created_at": AT,
        "updated_at": AT,
    }
