"""What is imported from a gateway permits exactly what its rules permit; what cannot be said is a fault with a line."""

import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from ambassador_admin.declarative.document import read_desired
from ambassador_admin.declarative.export import export_text
from ambassador_admin.declarative.gateway_grants import document, faults_of
from ambassador_admin.declarative.gateway_permissions import read_permissions
from ambassador_admin.declarative.glob_patterns import covers, overlap, rest_behind
from ambassador_admin.declarative.objects import GrantKey, ObjectKind
from ambassador_admin.declarative.yaml_tree import STDIN, read_trees
from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.catalog.mcps import ToolClass
from ambassador_server.domain.people.token_claims import claimed_groups
from ambassador_server.domain.people.token_principals import token_principal
from ambassador_server.domain.people.users import AuthSource
from ambassador_server.domain.policy.decide import PrincipalPolicy, decide
from ambassador_server.domain.policy.decision import Permit
from ambassador_server.domain.policy.grants import Effect
from ambassador_server.domain.policy.snapshot import Snapshot
from tests.conformance.store_samples import issuer
from tests.effort import examples
from tests.fakes.clock import START
from tests.server.worlds import GRANT, GROUP, MCP, NOW, USER, capability, snapshot

ISSUER_ID = "00000000-0000-4000-8000-000000000001"
SERVERS = ("n8n", "git")
TOOLS = ("get_user", "get_x", "set", "..%2fset", "../set", "getUser", "n8n.set", "a:b", "n8n:set", "*")
VALUES = ("eng", "Ops Team", "all")
SCOPES = ("read", "write", "admin")
PATTERNS = (
    *("*", "n8n:*", "git:*", "n8n:get_*", "n8n:get_user", "*:set", "n*:get_*", "n8n:*set", "git:..%2f*"),
    *("git:a:*", "git:getUser", "g*", "*user", "n8n:n8n.set", "git:../set"),
)


def matches(pattern: str, name: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name, re.DOTALL) is not None


def reference(config: dict[str, Any], values: set[str], name: str) -> bool:
    """Decide as the rules of the gateway say: the exact pattern, or else that with the longest literal beginning.

    Where no pattern matches, or the one that decides has no scopes, default_scope permits if it is given.
    """
    auth = config["auth"]
    scopes = {scope for each in values for scope in auth["mappings"].get(f"groups:{each}", ())}
    fitting = [pattern for pattern in auth["permissions"] if matches(pattern, name)]
    best = max(
        fitting, key=lambda each: (each == name and "*" not in each, len(each.split("*")[0])), default=""
    )
    needed = set(auth["permissions"].get(best, ()))
    if not needed:
        return auth["options"]["default_scope"] is not None
    return needed <= scopes if auth["options"]["scope_mode"] == "all" else bool(needed & scopes)


def imported(config: dict[str, Any]) -> tuple[Snapshot | None, list[str]]:
    """Return the policy after the import, or the faults."""
    (tree,) = read_trees(STDIN, io.StringIO(json.dumps(config)))
    found = read_permissions(tree)
    if faults := found.faults or faults_of(found):
        return None, [str(fault) for fault in faults]
    trusted = {"name": "sso", "preset": "generic", "url": "https://sso", "audiences": ["us"]}
    text = export_text([document(found, issuer=trusted, owner=None)])
    objects = read_desired([STDIN], io.StringIO(text)).objects
    (wanted,) = [each for each in objects if each.kind is ObjectKind.ISSUER]
    mapped = wanted.attributes["group_map"]
    grants = [GrantKey.of(each.key) for each in objects if each.kind is ObjectKind.GRANT]
    return (
        snapshot(
            users=[replace(USER, source=AuthSource.EXTERNAL)],
            groups=[replace(GROUP, group_id=name, name=name) for name in mapped.values()],
            memberships=[],
            mcps=[replace(MCP, mcp_id=server, name=server) for server in SERVERS],
            issuers=[issuer(issuer_id=ISSUER_ID, group_prefix="sso.", group_map=mapped)],
            grants=[
                replace(
                    GRANT,
                    grant_id=str(number),
                    group_id=each.group,
                    mcp_id=each.mcp,
                    effect=Effect(each.effect),
                    patterns=each.tools,
                    resources=each.resources,
                    prompts=each.prompts,
                )
                for number, each in enumerate(grants)
            ],
        ),
        [],
    )


def scope_lists(keys: tuple[str, ...], most: int) -> st.SearchStrategy[dict[str, list[str]]]:
    scopes = st.lists(st.sampled_from(SCOPES), unique=True, max_size=2)
    return st.dictionaries(st.sampled_from(keys), scopes, min_size=1, max_size=most)


CONFIGS = st.builds(
    lambda mappings, permissions, mode, default: {
        "auth": {
            "claims": ["sub", "groups"],
            "mappings": {f"groups:{value}": scopes for value, scopes in mappings.items()},
            "permissions": permissions,
            "options": {"scope_mode": mode, "default_scope": default},
        },
        "proxy": {"servers": [{"name": name} for name in SERVERS]},
    },
    scope_lists(VALUES, 3),
    scope_lists(PATTERNS, 4),
    st.sampled_from(["any", "all"]),
    st.sampled_from([None, None, "mcp"]),
)


@examples(400)
@given(CONFIGS, st.sets(st.sampled_from([*VALUES, "unknown"])))
def test_what_is_imported_permits_exactly_what_the_gateway_permits(config: Any, values: set[str]) -> None:
    policy, faults = imported(config)
    has_denials = policy is not None and any(
        each.effect is Effect.DENY for each in policy.grants_by_id.values()
    )
    event("refused" if policy is None else "imported with denials" if has_denials else "imported")
    if policy is None:
        assert all(re.match(r"standard input:\d+: ", fault) for fault in faults)
        return
    trusted = issuer(issuer_id=ISSUER_ID)
    principal = token_principal(trusted, USER, groups=sorted(values), expires_at=START + timedelta(hours=1))
    of_list = PrincipalPolicy(policy, principal, NOW)
    for server in SERVERS:
        for tool in TOOLS:
            ref = capability(server, f"{server}.{tool}", ToolClass.WRITE)
            expected = reference(config, values, f"{server}:{tool}")
            assert isinstance(decide(policy, principal, ref, NOW), Permit) is expected, (server, tool)
            assert isinstance(of_list.decide(ref), Permit) is expected
        for kind in (CapabilityKind.RESOURCE, CapabilityKind.PROMPT):
            ref = CapabilityRef(server, kind, f"{server}.set")
            assert not isinstance(decide(policy, principal, ref, NOW), Permit), "it has tools only"


ODD_VALUES = st.one_of(
    st.sampled_from(
        [
            "Data Team",
            "Data-Team",
            "a/b",
            "a-b",
            "a b",
            "ab",
            "x" * 59,
            "x" * 60,
            "x" * 61,
            "x" * 125,
            "x" * 200,
        ]
    ),
    st.text("ab-/ .", min_size=1, max_size=4),
    st.text(max_size=8),
).filter(lambda value: value.isprintable() and value and not value.startswith("/") and "${" not in value)
FOREIGN_PREFIXES = st.one_of(
    st.sampled_from(["sso-", "s.", "ss@", "ssoData-", "ssoDataTeam."]),
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,62}[._@+-]", fullmatch=True),
).filter(lambda prefix: not prefix.startswith("sso.") and not "sso.".startswith(prefix))


def near_values(policy: Snapshot, values: list[str]) -> list[str]:
    """Return what a token may claim to get into the group of another value: what its name could come from."""
    names = [*policy.groups]
    cut = [name[begin:] for name in names for begin in (len("sso"), len("sso."))]
    spelt = [re.sub(r"[^A-Za-z0-9._@+-]", sign, value) for value in values for sign in ("-", "")]
    return [*values, *names, *cut, *spelt, *(each[:60] for each in spelt), *(f"//{each}" for each in values)]


@examples(200)
@given(
    st.dictionaries(ODD_VALUES, st.sampled_from(["read", "write"]), min_size=1, max_size=4),
    FOREIGN_PREFIXES,
    st.data(),
)
def test_a_token_has_what_the_gateway_gives_its_values_and_no_near_name_does(
    mapped: dict[str, str], foreign: str, data: st.DataObject
) -> None:
    mappings = {f"groups:{value}": [scope] for value, scope in mapped.items()}
    config = changed(mappings=mappings, permissions={"n8n:*": ["read"], "git:*": ["write"]})
    config["proxy"] = {"servers": [{"name": name} for name in SERVERS]}
    policy, faults = imported(config)
    assert policy is not None, faults
    assert not [name for name in policy.groups if name.startswith(foreign)], "another issuer could claim it"
    near = st.sampled_from(near_values(policy, [*mapped]))
    claimed = data.draw(st.lists(st.one_of(near, ODD_VALUES), max_size=3))
    assert policy.issuers is not None
    trusted = policy.issuers.by_id[ISSUER_ID]
    groups, _ = claimed_groups({"groups": claimed}, trusted)
    principal = token_principal(trusted, USER, groups=groups, expires_at=START + timedelta(hours=1))
    for server in SERVERS:
        ref = capability(server, f"{server}.set", ToolClass.WRITE)
        # A `/` in front does not count here.
        expected = reference(config, {each.removeprefix("/") for each in claimed}, f"{server}:set")
        assert isinstance(decide(policy, principal, ref, NOW), Permit) is expected


CONFIG: dict[str, Any] = {
    "auth": {
        "claims": ["groups"],
        "mappings": {"groups:eng": ["read"], "groups:ops": ["write"]},
        "permissions": {"n8n:*": ["read"]},
        "options": {"scope_mode": "any", "default_scope": None},
    },
    "proxy": {"servers": [{"name": "n8n"}]},
}


def changed(**auth: Any) -> dict[str, Any]:
    return {**CONFIG, "auth": {**CONFIG["auth"], **auth}}


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        (changed(permissions={"n8n:get_?": ["read"]}), "'*' alone"),
        (changed(permissions={"n8n:[ab]": ["read"]}), "'*' alone"),
        (changed(permissions={"other:*": ["read"]}), "matches no tool"),
        (changed(permissions={"n8n:*": ["read"], "n8n:set": ["write"]}), "takes from 'eng'"),
        (
            changed(permissions={"n8n:*": ["read"], "n8n:s*": ["write"], "n8n:se*": []}),
            "'ops' has it; a denial",
        ),
        (
            changed(permissions={"n8n:*": ["read"], "n8n:s*": [], "n8n:set": ["write"]}),
            "'ops' has it by 'n8n:set' (line 1)",
        ),
        (changed(permissions={"n8n:*t": ["read"], "n8n:*e*": ["write"]}), "decides by chance"),
        (
            changed(permissions={"n8n:*": ["read", "write"]}, options={"scope_mode": "all"}),
            "which 'eng', 'ops' have together only",
        ),
        (
            changed(permissions={"n8n:s*": ["read"]}, options={"default_scope": "mcp"}),
            "add the pattern 'n8n:*' with a scope",
        ),
        (
            changed(permissions={"n8n:*": ["read"], "n8n:set": []}, options={"default_scope": "mcp"}),
            "'n8n:set' has no scopes, so that default_scope gives it to every token",
        ),
        (changed(options={"scope_mode": "some"}), "any or all"),
        (changed(options={"strict": True}), "unknown member 'strict'"),
        (changed(roles={}), "unknown member 'roles'"),
        (changed(claims=["groups", "email"]), "'email' is not demanded"),
        (changed(claims=["groups", "dept"], mappings={"groups:a": [], "dept:a": []}), "told apart"),
        (changed(mappings={"role:a": ["read"]}), "none of auth.claims"),
        (changed(mappings={"groups:/a": ["read"]}), "'/' in front"),
        (changed(mappings={}), "no value of a claim any scopes"),
        ({**CONFIG, "auth": {"permissions": {"n8n:*": ["read"]}}}, "no value of a claim any scopes"),
        (changed(mappings={"groups:${TEAM}": ["read"]}), "by its value"),
        (changed(mappings=["groups:a"]), "must be a mapping"),
        ({**CONFIG, "proxy": {}}, "names no server"),
        ({**CONFIG, "proxy": {"servers": [{"name": "N8N"}]}}, "is not an MCP name"),
        ({"proxy": {}}, "no mapping 'auth'"),
        (["auth"], "no mapping 'auth'"),
    ],
    ids=str,
)
def test_what_grants_cannot_say_is_a_fault(config: Any, fault: str) -> None:
    policy, faults = imported(config)
    assert policy is None
    assert any(fault in each for each in faults), faults


@pytest.mark.parametrize(
    ("permissions", "options", "expected"),
    [
        ({"n8n:*": ["read"], "n8n:set": []}, {}, [("deny", ("n8n.set",)), ("permit", ("*",))]),
        ({"n8n:*": ["read"], "n8n:s*": ["nobody"]}, {}, [("deny", ("n8n.s*",)), ("permit", ("*",))]),
        ({"*": ["read"], "n8n:*": ["write"]}, {}, []),
        ({"*": ["admin"], "n8n:*": ["read"]}, {}, [("permit", ("*",))]),
        ({"*": [], "n8n:*": ["read"]}, {"default_scope": "mcp"}, [("permit", ("*",))]),
        ({"n8n:*": ["read"]}, {"default_scope": "mcp"}, [("permit", ("*",))]),
        ({"*": ["read"]}, {"default_scope": "mcp", "scope_mode": "all"}, [("permit", ("*",))]),
    ],
    ids=str,
)
def test_what_never_decides_is_left_out_and_what_nobody_has_is_denied(
    permissions: Any, options: Any, expected: Any
) -> None:
    """The grants of one value on one server; `PATTERNS` above compares the decisions."""
    config = changed(
        permissions=permissions, options=options, mappings={"groups:eng": ["read"], "groups:all": ["admin"]}
    )
    policy, faults = imported(config)
    assert policy is not None, faults
    found = [
        (each.effect.value, each.patterns)
        for each in policy.grants_by_id.values()
        if (each.group_id, each.mcp_id) == ("sso.eng", "n8n")
    ]
    assert sorted(found) == expected


TEXTS = st.text("ab*", max_size=6)


@given(TEXTS, TEXTS, st.text("ab", max_size=6))
def test_a_pattern_covers_another_if_it_matches_all_that_the_other_does(
    wide: str, narrow: str, text: str
) -> None:
    if covers(wide, narrow):
        assert matches(wide, text) or not matches(narrow, text)
    else:
        without = narrow.replace("*", "c")  # a letter that no pattern here names
        assert matches(narrow, without)
        assert not matches(wide, without)


@given(TEXTS, TEXTS, st.text("ab", max_size=6))
def test_patterns_overlap_if_a_text_matches_both(left: str, right: str, text: str) -> None:
    if matches(left, text) and matches(right, text):
        assert overlap(left, right)
    if "*" not in right:
        assert overlap(left, right) is matches(left, right)


def test_long_patterns_are_compared() -> None:
    assert overlap("*" + "a" * 1500, "a*" * 20 + "b*a")
    assert not overlap("*" + "a" * 1500, "a*b")


@given(TEXTS, st.text("ab", max_size=4), st.text("ab", max_size=4))
def test_what_may_follow_is_what_the_whole_matches(pattern: str, begin: str, end: str) -> None:
    rests = rest_behind(pattern, begin)
    assert any(matches(rest, end) for rest in rests) is matches(pattern, begin + end)


def test_an_escaped_slash_is_no_way_around_a_pattern() -> None:
    """The gateways that were looked at decode `..%2f` behind the check; here it is a part of the name."""
    policy, faults = imported(changed(permissions={"n8n:get_*": ["read"], "n8n:..%2fsafe": ["read"]}))
    assert policy is not None, faults
    trusted = issuer(issuer_id=ISSUER_ID)
    principal = token_principal(trusted, USER, groups=["eng"], expires_at=START + timedelta(hours=1))

    def may(name: str) -> bool:
        return isinstance(decide(policy, principal, capability("n8n", name, ToolClass.WRITE), NOW), Permit)

    assert may("n8n.get_user")
    assert may("n8n...%2fsafe")
    for name in (
        "n8n.../safe",
        "n8n.safe",
        "n8n.set",
        "n8n/../get_user",
        "git.get_user",
        "n8n.%2e%2e%2fsafe",
    ):
        assert not may(name), name
