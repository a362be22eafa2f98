"""Declarative files are read strictly and within limits, and faults have their lines."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_admin.api.client import ApiClient
from ambassador_admin.api.request import Request
from ambassador_admin.declarative import readers
from ambassador_admin.declarative.document import InvalidFilesError, read_desired
from ambassador_admin.declarative.export import documents, export_text
from ambassador_admin.declarative.objects import CurrentObject, DesiredState, ObjectKind
from ambassador_admin.declarative.patterns import canonical_patterns
from ambassador_admin.declarative.plan import make_plan
from ambassador_admin.declarative.server_state import read_state
from ambassador_admin.declarative.yaml_tree import MAX_BYTES, FilePosition, Scalar
from ambassador_admin.errors import UsageError
from ambassador_protocol.bounded_yaml import MAX_DEPTH
from ambassador_server.domain.catalog.mcps import check_mcp_name
from ambassador_server.domain.policy.grants import CapabilityPatterns
from ambassador_server.domain.shared.names import check_name, check_owner
from ambassador_server.errors import InvalidInputError
from tests.admin.declarative.server_model import NOW
from tests.admin.declarative.test_apply_properties import STATES


def read(directory: Path, text: str | bytes) -> DesiredState:
    path = directory / "file.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_desired([path], io.StringIO())


def refusal(directory: Path, text: str | bytes) -> str:
    """Return the error for a file, without its directory."""
    with pytest.raises(UsageError) as caught:
        read(directory, text)
    lines = caught.value.lines if isinstance(caught.value, InvalidFilesError) else [caught.value.message]
    return "\n".join(lines).replace(f"{directory}/", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ""),
        ("owner: [", ": not YAML: did not find"),
        ("owner: ci\nusers: x", "file.yaml:2: users: must be a list"),
        ("users: []", "file.yaml:1: 'owner' is missing"),
        ("owner: ci\nusers:\n- nmae: x", "file.yaml:3: unknown key 'nmae'; known are"),
        ("owner: ci\nusers:\n- {name: x, name: y}", "file.yaml:3: 'name' is given twice"),
        (
            "owner: ci\nusers:\n- {name: x}\n- {name: x}",
            "file.yaml:4: user x is declared at file.yaml:3 already",
        ),
        (
            "owner: ci\nusers:\n- {name: yes}",
            "file.yaml:3: name: 'yes' is a bool in YAML: put it in quotes",
        ),
        ("owner: ci\nusers:\n- {name: 1.5}", "file.yaml:3: name: '1.5' is a float"),
        ('owner: ci\nusers:\n- {name: "a\\x1b[31m"}', "file.yaml:3: name: 'a\\x1b[31m' is not a name"),
        ('owner: ci\nusers:\n- {name: a, email: "a\\nb"}', "file.yaml:3: email: must be one line"),
        ("owner: ci\nusers:\n- {name: a, email: null}", "file.yaml:3: email: is null"),
        ("owner: ci\nusers:\n- {name: a, status: gone}", "file.yaml:3: status: must be active or"),
        ("owner: ci\nmcps:\n- {name: a, published: 1}", "file.yaml:3: published: must be true or false"),
        (
            "owner: ci\ngrants:\n- {group: a, mcp: b, expires_at: 2026-01-01}",
            "must be a time with a time zone",
        ),
        ("owner: ci\ngrants:\n- {group: a, mcp: b, effect: deny, delivery: opt_in}", "cannot be opt_in"),
        (
            "owner: ci\nkeys:\n- {user: a, name: b, expires_in_seconds: 0}",
            "must be a whole number of seconds",
        ),
        (
            "owner: ci\nusers: !!python/object:os.system {}",
            "file.yaml:2: unknown tag 'tag:yaml.org,2002:python/",
        ),
        ("owner: ci\nusers: *nowhere", "file.yaml:2: no anchor 'nowhere'"),
        ("owner: ci\nusers: &a [*a]", "file.yaml:2: no anchor 'a' is complete here"),
        ("owner: ci\n? [a]\n: b", "file.yaml:2: a key must be plain text"),
        (b"owner: ci\nusers: \xff", "file.yaml:2: not UTF-8 text"),
        (b"owner: ci\nusers: \x00", "not YAML"),
        ("- a", "file.yaml:1: must be a mapping"),
    ],
)
def test_every_fault_is_reported_with_its_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    if message:
        assert message in refusal(tmp_path, text)
    else:
        assert read(tmp_path, text) == DesiredState((), frozenset())


def test_at_most_twenty_faults_are_reported(tmp_path: Path) -> None:
    lines = refusal(tmp_path, "owner: ci\nusers:\n" + "- {}\n" * 30).splitlines()
    assert (len(lines), lines[-1]) == (21, "and 10 more")


def test_size_depth_and_aliases_are_limited(tmp_path: Path) -> None:
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 10)
    )
    assert "aliases counted as often as used" in refusal(tmp_path, f"owner: ci\n{laughs}")
    assert f"nested deeper than {MAX_DEPTH}" in refusal(tmp_path, "[" * 100_000)
    assert f"nested deeper than {MAX_DEPTH}" in refusal(tmp_path, "a: " + "{a: " * 100_000)
    assert f"larger than {MAX_BYTES} bytes" in refusal(tmp_path, b"#" * (MAX_BYTES + 1))


def test_a_directory_is_read_and_an_object_in_two_files_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("owner: ci/a\nusers: [{name: x}]\n")
    (tmp_path / "b.yml").write_text("owner: ci/b\ngroups: [{name: g, members: [x]}]\n---\nowner: null\n")
    (tmp_path / "c.txt").write_text("not ours")
    desired = read_desired([tmp_path], io.StringIO())
    assert desired.owners == {"ci/a", "ci/b", None}
    assert {each.kind for each in desired.objects} == {
        ObjectKind.USER,
        ObjectKind.GROUP,
        ObjectKind.MEMBERSHIP,
    }
    (tmp_path / "b.yml").write_text("owner: ci/b\nusers: [{name: x}]\n")
    with pytest.raises(InvalidFilesError) as caught:
        read_desired([tmp_path], io.StringIO())
    assert caught.value.lines == [f"{tmp_path}/b.yml:2: user x is declared at {tmp_path}/a.yaml:2 already"]


def test_a_plain_text_secret_causes_a_warning_without_the_secret(tmp_path: Path) -> None:
    options = "{command: x, env: {API_TOKEN: hunter2, OTHER: env://SAFE_TOKEN, PLAIN: ghp_abcdefgh}}"
    desired = read(tmp_path, f"owner: ci\nmcps:\n- {{name: m, transport: stdio, options: {options}}}\n")
    assert len(desired.warnings) == 2
    assert not any("hunter2" in each or "ghp_abc" in each for each in desired.warnings)


@given(STATES)
def test_an_export_declares_what_is_there(
    tmp_path_factory: pytest.TempPathFactory, state: list[CurrentObject]
) -> None:
    text = export_text(documents(state)) if state else "owner: null"
    desired = read(tmp_path_factory.mktemp("export"), text)
    for prune in (False, True):
        plan = make_plan(desired, state, now=NOW, prune=prune)
        assert (plan.operations, plan.conflicts) == ((), ())


def accepts(read: readers.Reader, text: str) -> bool:
    try:
        return bool(read(Scalar(FilePosition("f", 1), text, "str")) == text)
    except readers.FaultError:
        return False


def server_accepts(check: object, text: str) -> bool:
    try:
        assert callable(check)
        check(text)
    except InvalidInputError:
        return False
    return True


@given(st.text(max_size=6) | st.from_regex(r"[a-zA-Z0-9._@+/-]{1,131}", fullmatch=True))
def test_names_are_accepted_exactly_as_by_the_server(text: str) -> None:
    assert accepts(readers.name, text) == server_accepts(lambda name: check_name("user", name), text)
    assert accepts(readers.mcp_name, text) == server_accepts(check_mcp_name, text)
    assert accepts(readers.owner, text) == (bool(text) and server_accepts(check_owner, text))


NAMES = st.lists(st.from_regex(r"(\*|git\.)?[a-z*._]{1,5}", fullmatch=True) | st.just("*"), max_size=3)
URIS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)
    | st.text("*%2aAcCé /", min_size=1, max_size=9)
    | st.just("*"),
    max_size=3,
)


@given(NAMES, st.none() | URIS, st.none() | NAMES)
def test_patterns_are_normalised_as_by_the_server(
    tools: list[str], uris: list[str] | None, prompts: list[str] | None
) -> None:
    named = CapabilityPatterns(
        tuple(tools), None if uris is None else tuple(uris), None if prompts is None else tuple(prompts)
    ).normalised("git")
    stored = (named.tools, named.resources, named.prompts)
    assert canonical_patterns(tools, uris, prompts, "git") == stored
    # What the server says of it is the same again.
    assert canonical_patterns(*stored, "git") == stored


def test_a_grant_of_resources_alone_is_about_no_tool() -> None:
    assert canonical_patterns(None, ["file:///*"], None, "git") == ((), ("file:///*",), ())
    assert canonical_patterns(None, None, None, "git") == (("*",), None, None)


class _OlderServer:
    """Returns one MCP as a server does that does not know the newer members."""

    def items(self, request: Request, *, size: int) -> Iterator[dict[str, Any]]:
        if request.path.endswith("/mcps"):
            members = dict.fromkeys(("transport", "description", "arguments", "isolation", "pin"), "x")
            yield {
                "name": "git",
                "options": {},
                "tags": [],
                "display_name": None,
                "owner": None,
                **members,
            } | {
                "call_timeout_seconds": 60,
                "status": "published",
            }


def test_the_state_of_an_older_server_has_what_it_knows() -> None:
    (found,) = read_state(cast(ApiClient, _OlderServer()), NOW)
    assert found.attributes["pin"] == "x"
    assert "prefixed" not in found.attributes
