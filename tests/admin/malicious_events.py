"""Audit events whose fields try to forge other fields, events or terminal output."""

from tests.admin.fake_state import FakeState

EVIL = (
    "=HYPERLINK(1)\n2026-05-04 root permitted\r\x1b[2J\x1b]0;x\x07 | cs1=forged \\ \u202egnp.exe\u2028\u200b"
)


def add_hostile_events(api: FakeState) -> None:
    """Add a call with an attack in every field, and an event of each other area."""
    api.add_event(
        "call:tool:deny",
        "denied",
        actor={"kind": "user", "id": EVIL, "name": EVIL, "key_id": EVIL, "key_name": EVIL},
        resource={"kind": "tool", "id": EVIL, "name": EVIL},
        reason=EVIL,
        request_id=EVIL,
        session_id=EVIL,
        source=EVIL,
        details={EVIL: [EVIL, None]},
    )
    unknown_actor = {"kind": "unknown", "id": None, "name": None, "key_id": None, "key_name": None}
    key = {"kind": "session", "id": None, "name": None}
    api.add_event(
        "session:client:refuse",
        "denied",
        actor=unknown_actor,
        resource=key,
        reason="invalid_credentials",
        source="2001:db8::1",
    )
    api.add_event("session:client:open", "succeeded", resource=key, details={"milliseconds": 1.5})
    switch = {"kind": "switch", "id": "switch-1", "name": "user bob"}
    api.add_event("kill:switch:activate", "succeeded", resource=switch)
    server = {"kind": "server", "id": None, "name": "node-1"}
    api.add_event(
        "system:server:start",
        "succeeded",
        actor={**unknown_actor, "kind": "system"},
        resource=server,
        source=None,
    )
