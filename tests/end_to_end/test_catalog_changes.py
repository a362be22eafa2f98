"""Changes of a published MCP are tested first and apply at once; its secrets are neither lost nor shown."""

import json
from pathlib import Path
from typing import Any

import httpx

from tests.end_to_end.faces import LEGACY
from tests.end_to_end.world import Downstream, World, downstream, until

SECRET = "s3cret-of-the-downstream"


def patch(world: World, name: str, body: dict[str, Any], query: str = "") -> httpx.Response:
    return world.admin.patch(f"/v1/admin/mcps/{name}{query}", json=body)


def published(world: World, url: str) -> str:
    """Publish a downstream under a new name, with a secret header."""
    name = world.fresh("box")
    headers = {"Authorization": f"Bearer {SECRET}"}
    world.publish(name, "streamable_http", {"url": url, "headers": headers})
    return name


def test_changed_options_apply_to_the_next_call(world: World, tools: Downstream, tmp_path: Path) -> None:
    name = published(world, tools.url)
    caller = world.caller()
    assert caller.call(LEGACY, f"{name}__echo", {"text": "old"}).text == "old"
    with downstream(tmp_path) as other:
        changed = patch(world, name, {"options": {"url": other.url}})
        assert changed.status_code == 200, changed.text
        until(
            lambda: caller.call(LEGACY, f"{name}__echo", {"text": "new"}).succeeded, "the new place answers"
        )
        assert other.calls()[-1]["arguments"] == {"text": "new"}
        before = tools.count()
        assert caller.call(LEGACY, f"{name}__echo", {"text": "again"}).succeeded
        assert tools.count() == before


def test_options_that_fail_the_test_are_refused_unless_the_test_is_skipped(
    world: World, tools: Downstream
) -> None:
    name = published(world, tools.url)
    seen = world.admin.get(f"/v1/admin/mcps/{name}")
    nowhere = {"options": {"url": "http://127.0.0.1:9/mcp"}}
    refused = patch(world, name, nowhere)
    assert refused.status_code in {502, 503, 504}, refused.text
    now = world.admin.get(f"/v1/admin/mcps/{name}")
    assert (now.headers["ETag"], now.json()["state"]) == (seen.headers["ETag"], "ready")
    assert world.caller().call(LEGACY, f"{name}__echo", {"text": "still"}).text == "still"
    assert patch(world, name, nowhere, "?test=maybe").status_code == 400
    assert patch(world, name, nowhere, "?tets=false").status_code == 400
    stored = patch(world, name, nowhere, "?test=false")
    assert (stored.status_code, stored.json()["options"]) == (200, nowhere["options"])


def test_writing_a_masked_entry_keeps_its_secret(world: World, tools: Downstream) -> None:
    name = published(world, tools.url)
    view = world.ask("GET", f"mcps/{name}")
    assert SECRET not in json.dumps(view)
    body = {"transport": view["transport"], "options": view["options"], "description": "Ours"}
    assert world.ask("PUT", f"mcps/{name}", body)["description"] == "Ours"
    assert len(world.ask("POST", f"mcps/{name}/test")["items"]) > 0
    moved = {**view["options"], "url": "http://127.0.0.1:9/mcp"}
    refused = patch(world, name, {"options": moved}, "?test=false")
    assert (refused.status_code, refused.json()["code"]) == (400, "AMB-1001")
    assert world.ask("GET", f"mcps/{name}")["options"] == view["options"]
    recorded = json.dumps(world.events(action="admin:mcp:*"))
    assert name in recorded
    assert SECRET not in recorded


def test_changed_description_does_not_interrupt_calls(world: World, tools: Downstream) -> None:
    name = published(world, tools.url)
    before = world.ask("GET", f"mcps/{name}")["restarts"]
    world.rig.admin("mcp", "update", name, "--description", "Ours", "--tag", "demo", "--timeout", "5")
    shown = world.rig.admin_json("mcp", "show", name)
    assert (shown["description"], shown["tags"], shown["call_timeout_seconds"]) == ("Ours", ["demo"], 5.0)
    assert (shown["state"], shown["restarts"]) == ("ready", before)
