"""`diff` and `apply` of declarations with a real server, also after interruptions and with other owners."""

import json
import re
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.faces import FACES
from tests.end_to_end.world import Person, World, until
from tests.patience import PATIENCE
from tests.rig import BIN

PEOPLE = """
owner: {label}
users:
- name: {user}
  email: {user}@example.com
groups:
- name: {group}
  description: Ours
  members: [{user}]
grants:
- {{group: {group}, mcp: tools, tools: [echo, e*o]}}
- {{group: {group}, mcp: tools, tools: [fail], effect: deny, expires_at: 2040-01-01T00:00:00Z}}
keys:
- {{user: {user}, name: ci, expires_in_seconds: 86400}}
"""


class Declaration:
    """A declaration file with its own label, and the commands that use it."""

    def __init__(self, world: World, directory: Path) -> None:
        self.world = world
        self.label = f"ci/{world.fresh('label')}"
        self.user, self.group = world.fresh("user"), world.fresh("group")
        self.path = directory / "people.yaml"
        self.keys = directory / "keys"
        self.write(PEOPLE.format(label=self.label, user=self.user, group=self.group))

    def write(self, text: str) -> None:
        self.path.write_text(text)

    def many(self, count: int) -> list[str]:
        """Declare this many users in one group, and return their names."""
        names = [f"{self.user}-{number}" for number in range(count)]
        self.write(
            f"owner: {self.label}\nusers:\n"
            + "".join(f"- {{name: {name}}}\n" for name in names)
            + f"groups:\n- name: {self.group}\n  members: [{', '.join(names)}]\n"
        )
        return names

    def apply(self, *words: str, expect: int = 0) -> "subprocess.CompletedProcess[str]":
        return self.world.rig.admin("apply", "-f", str(self.path), *words, expect=expect)

    def diff(self, *words: str, expect: int = 0) -> "subprocess.CompletedProcess[str]":
        return self.world.rig.admin("diff", "-f", str(self.path), *words, expect=expect)

    def start(self) -> "subprocess.Popen[str]":
        rig = self.world.rig
        return subprocess.Popen(
            [str(BIN / "ambassador-admin"), "apply", "-f", str(self.path)],
            env={**rig.environment(), **rig.admin_environment()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def owned(self, noun: str) -> int:
        """Return how many objects of a kind this declaration owns."""
        total = self.world.ask("GET", f"{noun}?filter=owner={self.label}&limit=1")["total"]
        assert isinstance(total, int)
        return total


@pytest.fixture
def declared(world: World, tmp_path: Path) -> Declaration:
    return Declaration(world, tmp_path)


def test_diff_shows_the_drift_and_apply_removes_it(declared: Declaration) -> None:
    before = declared.diff(expect=10)
    assert f"+ user {declared.user}\n" in before.stdout
    assert declared.apply("--dry-run").stdout == before.stdout
    refused = declared.apply(expect=2)
    assert "a key is shown only once" in refused.stderr
    assert declared.owned("users") == 0
    applied = declared.apply("--keys-to", str(declared.keys))
    assert sorted(applied.stdout.splitlines()) == sorted(before.stdout.splitlines())
    assert declared.diff("--prune").stdout == ""
    assert declared.apply("--prune").stdout == ""


def test_declarations_are_read_from_standard_input(declared: Declaration) -> None:
    """A pipeline that renders its files need not write them."""
    admin, text = declared.world.rig.admin, declared.path.read_text()
    assert admin("diff", "-f", "-", expect=10, stdin=text).stdout == declared.diff(expect=10).stdout
    words = ("apply", "-f", "-", "--keys-to", str(declared.keys))
    assert f"+ user {declared.user}\n" in admin(*words, stdin=text).stdout
    assert declared.diff().stdout == ""
    twice = admin("diff", "-f", "-", "-f", "-", expect=2, stdin=text)
    assert "only once" in twice.stderr
    faulty = admin("diff", "-f", "-", expect=2, stdin="owner: x\nusers:\n  - {name: 1}\n")
    assert "standard input:3: name: '1' is a int in YAML" in faulty.stderr


FAULTY = """\
owner: faulty/{label}
users:
  - name: {label}-user
groups:
  - name: {label}-group
    members: [{label}-user]
mcps:
  - name: {label}-a
    transport: carrier-pigeon
    options: {{}}
  - name: {label}-b
    transport: stdio
    display_name: B
    options:
      comand: [mcp-server]
  - name: {label}-c
    transport: streamable_http
    options: {{url: "https://mcp.example.com"}}
    call_timeout_seconds: 999999
  - name: {label}-d
    transport: stdio
    options: {{command: [mcp-server]}}
    published: true
grants:
  - {{group: {label}-group, mcp: {label}-a}}
  - {{group: {label}-group, mcp: {label}-d, tools: ["get_*"]}}
  - {{group: {label}-group, mcp: tools, effect: deny, tools: [no_such_tool]}}
keys:
  - {{user: {label}-user, name: ci}}
"""


@pytest.mark.parametrize("words", [("diff",), ("apply", "--dry-run")])
def test_what_the_server_would_refuse_is_named_with_file_and_line(
    world: World, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Otherwise the first half of a file would be applied before its fault is seen."""
    label = world.fresh("faulty")
    file = tmp_path / "faulty.yaml"
    file.write_text(FAULTY.format(label=label))
    before = world.events(action="admin:*")[:1]
    refused = world.rig.admin(*words, "-f", str(file), expect=2)
    assert f"+ mcp {label}-a\n" in refused.stdout
    lines = [line for line in refused.stderr.splitlines() if line.startswith(str(file))]
    assert [line.removeprefix(f"{file}:").partition(":")[0] for line in lines] == ["9", "15", "19", "27"], (
        lines
    )
    for line, fault in zip(lines, ("carrier-pigeon", "comand", "call timeout", "no_such_tool"), strict=True):
        assert fault in line
    assert "The server would refuse 4 of " in refused.stderr
    assert world.admin.get(f"/v1/admin/users/{label}-user").status_code == 404
    assert world.events(action="admin:*")[:1] == before


def test_refused_operation_of_apply_names_file_and_line(world: World, tmp_path: Path) -> None:
    label = world.fresh("faulty")
    file = tmp_path / "faulty.yaml"
    file.write_text(FAULTY.format(label=label).replace("transport: carrier-pigeon", "transport: carrier-owl"))
    words = ("apply", "-f", str(file), "--keys-to", str(tmp_path / "keys"))
    assert f"failed: {file}:9: mcp {label}-a: Unknown transport" in world.rig.admin(*words, expect=9).stderr


def test_reader_sees_differences_that_the_server_does_not_check(declared: Declaration) -> None:
    issued = declared.world.ask(
        "POST", "admin-keys", {"name": declared.label.replace("/", "."), "roles": ["auditor"]}
    )
    rig = declared.world.rig
    env = rig.admin_environment() | {"MCP_AMBASSADOR_ADMIN_KEY": issued["admin_key"]}
    words = ("diff", "-f", str(declared.path))
    seen = rig.run("ambassador-admin", *words, env=env, expect=10)
    assert f"+ user {declared.user}\n" in seen.stdout
    assert "warning: The server did not check the changes" in seen.stderr
    refused = rig.run("ambassador-admin", "apply", *words[1:], "--dry-run", env=env, expect=4)
    assert "You lack the right" in refused.stderr


def test_the_key_works_and_only_its_owner_can_read_it(declared: Declaration) -> None:
    declared.apply("--keys-to", str(declared.keys))
    (file,) = declared.keys.iterdir()
    assert file.name == f"{declared.user}.ci.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    caller = declared.world.session(Person(declared.user, "", file.read_text().strip()))
    assert caller.names(FACES[0]) == ["tools__echo"]


def test_keys_command_gets_the_key_and_a_refused_key_is_revoked(
    declared: Declaration, tmp_path: Path
) -> None:
    refused = declared.apply("--keys-command", "sh -c 'cat >/dev/null; exit 3'", expect=9)
    assert "failed with exit code 3" in refused.stderr
    (key,) = declared.world.ask("GET", f"keys?user={declared.user}")["items"]
    assert key["status"] == "revoked"
    taken = tmp_path / "taken"
    script = f'read -r key; echo "$MCP_AMBASSADOR_KEY_USER/$MCP_AMBASSADOR_KEY_NAME ${{#key}}" >{taken}; env >>{taken}'
    declared.apply("--keys-command", f"sh -c '{script}'")
    text = taken.read_text()
    assert re.match(rf"{declared.user}/ci 55\n", text)
    assert "amb_ak_" not in text


def test_export_equals_the_applied_file(declared: Declaration) -> None:
    declared.apply("--keys-to", str(declared.keys))
    exported = declared.world.rig.admin("export", "--owner", declared.label).stdout
    declared.write(exported)
    assert declared.diff("--prune").stdout == ""
    assert declared.world.rig.admin("export", "--owner", declared.label).stdout == exported


def test_prune_removes_only_own_undeclared_objects(declared: Declaration) -> None:
    world = declared.world
    declared.apply("--keys-to", str(declared.keys))
    stranger = world.fresh("stranger")
    world.ask("PUT", f"users/{stranger}", {})
    world.ask("PUT", f"groups/{declared.group}/members/{stranger}")
    declared.write(f"owner: {declared.label}\n")
    assert "--prune removes them" in declared.diff().stderr
    assert "--yes" in declared.apply("--prune", expect=2).stderr
    pruned = declared.apply("--prune", "--yes")
    assert f"group {declared.group} is not removed" in pruned.stderr
    assert world.ask("GET", f"users/{declared.user}")["status"] == "deactivated"
    assert world.ask("GET", f"groups/{declared.group}")["members"] == [stranger]
    assert declared.owned("grants") == 0
    assert declared.diff("--prune").stdout == ""


def test_objects_of_other_owners_are_refused_before_anything_is_sent(declared: Declaration) -> None:
    world = declared.world
    world.ask("PUT", f"users/{declared.user}", {"owner": "ci/others"})
    refused = declared.apply("--keys-to", str(declared.keys), expect=6)
    assert f"people.yaml:4: user {declared.user} belongs to 'ci/others'" in refused.stderr
    assert declared.owned("groups") == 0
    world.ask("PUT", f"users/{declared.user}", {"owner": ""})
    assert "--take-over sets it" in declared.apply("--keys-to", str(declared.keys), expect=6).stderr
    declared.apply("--keys-to", str(declared.keys), "--take-over")
    assert declared.owned("users") == 1


def test_error_in_a_file_is_reported_with_its_line(declared: Declaration) -> None:
    declared.write("owner: ci/x\nusers:\n- name: a\n  emial: x\n- name: a\n- name: 12\ngroops: []\n")
    told = declared.apply(expect=2).stderr
    assert "people.yaml:4: unknown key 'emial'" in told
    assert "people.yaml:6: name: '12' is a int in YAML" in told
    assert "people.yaml:7: unknown key 'groops'" in told
    assert "AMB-1001" in told


def test_refused_operation_is_reported_and_the_others_are_applied(declared: Declaration) -> None:
    world = declared.world
    admin = world.ask("POST", "admin-keys", {"name": world.fresh("key"), "roles": ["provisioner"]})
    done = world.rig.run(
        "ambassador-admin",
        *("apply", "-f", str(declared.path), "--keys-to", str(declared.keys), "-o", "json"),
        expect=9,
        env={**world.rig.admin_environment(), "MCP_AMBASSADOR_ADMIN_KEY": admin["admin_key"]},
    )
    results = {each["name"].partition(" ")[0]: each["result"] for each in json.loads(done.stdout)}
    assert results == {
        "user": "done",
        "group": "done",
        "grant:": "left",
        "membership": "left",
        "key": "left",
    }
    assert "AMB-3004" in done.stderr
    declared.apply("--keys-to", str(declared.keys))
    assert declared.diff("--prune").stdout == ""


def test_interrupted_apply_is_reported_and_the_next_completes_it(declared: Declaration) -> None:
    names = declared.many(1500)
    process = declared.start()
    until(lambda: declared.owned("users"), "the first batch is there")
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, told
    assert "Interrupted: " in told
    assert 0 < declared.owned("users") + declared.owned("memberships") < 2 * len(names)
    declared.apply()
    assert (declared.owned("users"), declared.owned("memberships")) == (len(names), len(names))
    assert declared.diff("--prune").stdout == ""


def test_concurrent_applies_have_the_result_of_one(declared: Declaration) -> None:
    names = declared.many(600)
    first, second = declared.start(), declared.start()
    codes = []
    for process in (first, second):
        process.communicate(timeout=PATIENCE)
        codes.append(process.returncode)
    assert set(codes) <= {0, 6, 9}
    declared.apply()
    assert declared.owned("memberships") == len(names)
    assert declared.diff("--prune").stdout == ""


def test_export_of_odd_values_is_read_back(world: World, tmp_path: Path) -> None:
    """Names that YAML takes for numbers, texts with its marks, empty values, a rotated key, two grants of one kind."""
    label, mcp = f"odd/{world.fresh('label')}", world.fresh("odd")
    user, group = f"1e{world.made}", f"0{world.made}"
    world.ask("PUT", f"users/{user}", {"display_name": "- x: 'y' # \U0001f600", "email": "", "owner": label})
    world.ask("PUT", f"groups/{group}", {"description": "~", "owner": label})
    world.ask("PUT", f"groups/{group}/members/{user}")
    options = {"command": ["x", "", "null", "a\nb\n", "\U000e0001\u2028"], "env": {"on": "", "N": "1.0"}}
    body = {"name": mcp, "transport": "stdio", "options": options, "call_timeout_seconds": 0.00001}
    world.ask("POST", "mcps", body | {"tags": [f"t{number}" for number in range(120)], "owner": label})
    grant = {"group": group, "mcp": mcp, "tools": ["*", "%C3%A9*"], "owner": label}
    world.ask("POST", "grants", grant)
    world.ask("POST", "grants", {**grant, "expires_in_seconds": 3600})
    issued = world.ask("POST", "keys", {"user": user, "name": "null", "owner": label})
    world.ask("POST", f"keys/{issued['key']['id']}/rotate", {"overlap_seconds": 3600})
    for form in ("yaml", "json"):
        text = world.rig.admin("export", "--owner", label, "-o", form).stdout
        done = world.rig.admin("apply", "-f", "-", "--prune", "--yes", stdin=text)
        assert done.stdout == "", form
        assert "0 done, 0 failed, 0 left." in done.stderr
