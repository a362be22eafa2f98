"""Putting a key is idempotent, and a suspension applies to the next call."""

import sys

from tests.end_to_end.world import Person, World, assert_refused, assert_works


def test_putting_a_key_again_returns_no_secret(world: World) -> None:
    person = world.person()
    path = f"/v1/admin/keys/{person.name}/ci"
    first, again = world.admin.put(path, json={}), world.admin.put(path, json={"owner": "ci/keys"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert world.register(first.json()["preshared_key"]).status_code == 201
    assert again.json()["preshared_key"] is None
    assert (
        again.json()["key"] | {"owner": None} | {"last_used_at": None, "last_host": None}
        == first.json()["key"]
    )
    world.ask("POST", f"keys/{first.json()['key']['id']}/revoke")
    renewed = world.admin.put(path, json={})
    assert renewed.status_code == 201
    assert renewed.json()["preshared_key"] != first.json()["preshared_key"]


def test_suspended_key_is_refused_until_it_is_activated(world: World) -> None:
    person = world.person()
    caller = world.session(person)
    assert_works(caller)
    view = world.ask("PATCH", f"keys/{person.key_id}", {"status": "suspended"})
    assert view["status"] == "suspended"
    assert_refused(caller, "key_not_active")
    assert world.register(person.key).status_code == 401
    assert world.admin.put(f"/v1/admin/keys/{person.name}/laptop", json={}).status_code == 409
    explained = world.rig.admin_json("access", "explain", person.name, "tools.echo", "--key", "laptop")
    assert (explained["reason"], person.key_id in explained["remedy"]) == ("key_not_active", True)
    world.rig.admin("key", "activate", person.key_id[:13])
    assert_works(caller)
    for status, code in (("revoked", 400), ("asleep", 400)):
        refused = world.admin.patch(f"/v1/admin/keys/{person.key_id}", json={"status": status})
        assert refused.status_code == code


def test_key_that_its_secret_command_refuses_is_revoked(world: World) -> None:
    person = world.person()
    kept = world.rig.directory / "kept"
    code = f"import sys; open({str(kept)!r}, 'w').write(sys.stdin.read().strip()); raise SystemExit(int(sys.argv[1]))"
    for number, status in (("0", 201), ("1", 401)):
        command = f'"{sys.executable}" -c "{code}" {number}'
        words = ("key", "issue", person.name, "--name", f"ci-{number}", "--to-command", command)
        world.rig.admin(*words, expect=int(number))
        assert world.register(kept.read_text()).status_code == status


def test_rotated_key_keeps_its_subscriptions(world: World) -> None:
    person = world.person()
    world.ask("PUT", f"subscriptions/{person.key_id}/tools", {"tools": ["params"]})
    rotated = world.ask("POST", f"keys/{person.key_id}/rotate", {"overlap_seconds": 3600})
    caller = world.session(Person(person.name, rotated["key"]["id"], rotated["preshared_key"]))
    assert_refused(caller, "not_selected")
