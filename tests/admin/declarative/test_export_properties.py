"""Whatever a server has: its export can be read, and describes the server."""

import io
import string
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ambassador_admin.declarative.document import read_desired
from ambassador_admin.declarative.export import documents, export_text
from ambassador_admin.declarative.objects import CurrentObject, GrantKey, ObjectKind
from ambassador_admin.declarative.operations import Action
from ambassador_admin.declarative.patterns import CanonicalPatterns
from ambassador_admin.declarative.plan import Plan, make_plan
from ambassador_admin.declarative.yaml_tree import STDIN
from ambassador_admin.output.formats import json_document
from ambassador_admin.output.text import encodable_json
from ambassador_protocol.admin.credential_needs import (
    CredentialFieldBody,
    CredentialsBody,
    OAuthBody,
    without_defaults,
)
from ambassador_protocol.admin.tool_transforms import short_transforms
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.policy.grants import CapabilityPatterns
from ambassador_server.domain.policy.pattern_spelling import spell_name
from tests.admin.declarative.server_model import LATER, NOW, PAST, SOON
from tests.effort import examples

FIRST = string.ascii_letters + string.digits
ODD = [
    "null",
    "Null",
    "true",
    "on",
    "no",
    "1",
    "0x1F",
    "1e3",
    "1.5",
    "0123",
    "1_000",
    "2026-01-01",
    "12",
    "e",
    "y",
]
NAMES = st.sampled_from(ODD) | st.builds(
    str.__add__, st.sampled_from(FIRST), st.text(FIRST + "._@+-", max_size=9)
)
MCP_NAMES = st.builds(
    str.__add__, st.sampled_from("abz09"), st.text(string.ascii_lowercase + string.digits + "_-", max_size=9)
) | st.sampled_from(["null", "true", "on", "1", "0123"])
OWNERS = st.none() | st.sampled_from(["ci/people", "null", "0", "1.5", "ci/./x"])
TEXTS = st.sampled_from(
    [
        "",
        " ",
        "~",
        "- x",
        "a: b",
        "#",
        "'",
        '"',
        "? ",
        "!!str x",
        "*a",
        "&a",
        "%",
        "@",
        "`",
        "<<",
    ]
) | (st.text(max_size=150).filter(str.isprintable))
TOOLS = st.sampled_from(["*", "get_*", "null", "1"]) | st.text(min_size=1, max_size=20).map(spell_name)
URIS = st.sampled_from(["*", "null", "file:///a%2fb", "repo://{owner}/{path*}", "a b"]) | st.text(
    st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs"]),
    min_size=1,
    max_size=20,
)
ANY_TEXT = st.text(max_size=150) | st.sampled_from(
    [
        "\U000e0001",
        "a\u2028b",
        "\x85",
        "\ufeff",
        "\t",
        "x\n\ny\n",
        "\r\n",
    ]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18) + 1, 10**18 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | ANY_TEXT
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT | TEXTS, inner, max_size=3),
    max_leaves=6,
)


def unmasked(options: dict[str, Any]) -> bool:
    return "[redacted]" not in json_document(options)


MULTI_LINE = st.builds("\n".join, st.lists(TEXTS, max_size=3))
VALUES = st.none() | st.booleans() | st.integers(-(2**50), 2**50) | TEXTS | st.lists(TEXTS, max_size=2)
TRANSFORMS = st.dictionaries(
    TEXTS | st.just("*"),
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
            "description": MULTI_LINE,
            "description_suffix": MULTI_LINE,
            "hidden": st.booleans(),
            "fixed_arguments": st.dictionaries(TEXTS, VALUES, max_size=2),
            "default_arguments": st.dictionaries(TEXTS, VALUES, max_size=2),
            "annotations": st.dictionaries(TEXTS, st.booleans() | TEXTS, max_size=2),
            "result_bytes": st.integers(1, 2**26),
            "call_timeout_seconds": st.sampled_from([60, 0.5, 1e-05, 3600]),
        },
    ),
    max_size=3,
).map(short_transforms)
APPROVALS = st.fixed_dictionaries(
    {
        "approvers": st.sampled_from([None, "staff"]),
        "valid_seconds": st.integers(10, 604800),
    }
)
CONSTRAINTS = st.dictionaries(
    ANY_TEXT | TEXTS,
    st.just(False) | st.dictionaries(st.sampled_from(["const", "pattern", "enum"]), VALUES, max_size=2),
    min_size=1,
    max_size=2,
)
REFERENCES = st.none() | st.sampled_from(["env://TOKEN", "file:///run/token", "hashicorp://secret/git#token"])
CREDENTIALS = st.builds(
    CredentialsBody,
    fields=st.lists(
        st.builds(
            CredentialFieldBody,
            name=st.from_regex(r"[a-z][a-z0-9_-]{0,9}", fullmatch=True),
            place=st.sampled_from(["environment", "header", "query", "argument"]),
            target=TEXTS,
            template=TEXTS,
            title=TEXTS,
            help=TEXTS,
            secret=st.booleans(),
            required=st.booleans(),
            reference=REFERENCES,
            listing_reference=REFERENCES,
        ),
        max_size=3,
    ),
    oauth=st.none()
    | st.builds(
        OAuthBody,
        grant=st.sampled_from(["user", "service_account"]),
        client_id=st.none() | TEXTS,
        client_secret=REFERENCES,
        scopes=st.lists(TEXTS, max_size=2),
        resource=st.sampled_from(["send", "omit", "https://git/mcp"]),
        issuer=st.none() | st.just("https://issuer"),
        token_endpoint=st.none() | st.just("https://issuer/token"),
        private_addresses=st.booleans(),
    ),
).map(lambda body: without_defaults(asdict(body)))
MCP_FIELDS = st.fixed_dictionaries(
    {
        "transport": st.sampled_from(["stdio", "streamable_http", "sse"]),
        "options": st.dictionaries(ANY_TEXT, VALUES, max_size=4).filter(unmasked),
        "display_name": TEXTS,
        "description": TEXTS,
        "tags": st.lists(NAMES, max_size=3) | st.just([f"tag-{number}" for number in range(150)]),
        "arguments": st.sampled_from(["none", "keys", "redacted", "full"]),
        "call_timeout_seconds": st.sampled_from([60, 60.0, 0.001, 1e-05, 3600]),
        "max_in_flight": st.integers(1, 4096),
        "breaker_failures": st.integers(0, 1000),
        "grace_seconds": st.sampled_from([0, 0.0, 0.5, 86400]),
        "isolation": st.sampled_from(["shared", "per_user"]),
        "pin": st.sampled_from(["off", "warn", "block"]),
        "prefixed": st.booleans(),
        "sessions": st.sampled_from(["shared", "per_user", "auto"]),
        "broadcast": st.sampled_from(["off", "read_only", "all"]),
        "credentials": CREDENTIALS,
        "transforms": TRANSFORMS,
        "published": st.booleans(),
    }
)
USER_FIELDS = st.fixed_dictionaries(
    {
        "display_name": TEXTS,
        "email": TEXTS,
        "status": st.sampled_from(["active", "suspended", "deactivated"]),
        "source": st.sampled_from(["local", "external"]),
        "meta_tools": st.sampled_from(["on", "off"]),
    }
)
GROUP_FIELDS = st.fixed_dictionaries(
    {
        "description": TEXTS,
        "status": st.sampled_from(["active", "suspended"]),
    }
)

PRINTED = st.text(
    st.characters(exclude_categories=("C", "Zl", "Zp", "Zs"), include_characters=" "), min_size=1, max_size=20
) | st.sampled_from(ODD)
CLAIM_LISTS = st.lists(PRINTED, max_size=3)


def issuer_fields(groups: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw what an issuer has, as the server lists it."""
    mapped = st.dictionaries(PRINTED, st.sampled_from(groups), max_size=3) if groups else st.just({})
    return st.fixed_dictionaries(
        {
            "url": PRINTED,
            "audiences": CLAIM_LISTS,
            "algorithms": st.lists(st.sampled_from(["RS256", "ES256", "EdDSA"]), unique=True, min_size=1),
            "key_source": st.sampled_from(["discovery", "jwks", "secret"]),
            "key_place": st.none() | PRINTED,
            "client_id": st.none() | PRINTED,
            "client_secret": st.none() | PRINTED,
            "token_prefix": st.just("") | PRINTED,
            "private_addresses": st.booleans(),
            "subject_claim": PRINTED,
            "user_claims": CLAIM_LISTS,
            "email_claim": PRINTED,
            "group_claims": CLAIM_LISTS,
            "group_prefix": PRINTED,
            "group_map": mapped,
            "scopes": CLAIM_LISTS,
            "creates_users": st.booleans(),
            "beside_key": st.booleans(),
            "assertion_clients": st.dictionaries(PRINTED, st.just("env://SECRET"), max_size=2),
            "login_client_id": st.none() | PRINTED,
            "login_scopes": CLAIM_LISTS,
            "host_client_id": st.none() | PRINTED,
            "host_client_secret": st.none() | PRINTED,
            "host_redirects": CLAIM_LISTS,
            "host_scopes": CLAIM_LISTS,
            "host_omits_resource": st.booleans(),
        }
    )


@st.composite
def servers(draw: st.DrawFn) -> list[CurrentObject]:
    """Draw the objects of a server, as the API lists them."""
    users = draw(st.lists(NAMES, unique=True, max_size=3))
    groups = draw(st.lists(NAMES, unique=True, max_size=3))
    mcps = draw(st.lists(MCP_NAMES, unique=True, max_size=2))
    kinds = (
        (ObjectKind.USER, users, USER_FIELDS),
        (ObjectKind.GROUP, groups, GROUP_FIELDS),
        (ObjectKind.MCP, mcps, MCP_FIELDS),
    )
    state = [
        CurrentObject(kind=kind, key=(name,), attributes=draw(fields), owner=draw(OWNERS))
        for kind, names, fields in kinds
        for name in names
    ]
    state += [
        CurrentObject(
            kind=ObjectKind.ISSUER, key=(name,), attributes=draw(issuer_fields(groups)), owner=draw(OWNERS)
        )
        for name in draw(st.lists(NAMES, unique=True, max_size=2))
    ]
    for group in groups:
        members = draw(st.sets(st.sampled_from(users))) if users else ()
        state += [
            CurrentObject(kind=ObjectKind.MEMBERSHIP, key=(group, user), attributes={}, owner=draw(OWNERS))
            for user in members
        ]
        if mcps:
            state += draw(st.lists(grants(group, mcps), max_size=3))
    if users:
        state += draw(st.lists(keys(users), max_size=3))
    return state


@st.composite
def named(draw: st.DrawFn, mcp: str) -> CanonicalPatterns:
    """Draw what a grant names, in the form in which the server stores it."""
    uris = st.lists(URIS, max_size=2).map(tuple)
    some = CapabilityPatterns(
        tuple(draw(st.lists(TOOLS, max_size=3))),
        draw(st.none() | uris),
        draw(st.none() | st.lists(TOOLS, max_size=2).map(tuple)),
    ).normalised(mcp)
    assume(any(map(some.of, CapabilityKind)))
    return CanonicalPatterns(some.tools, some.resources, some.prompts)


@st.composite
def grants(draw: st.DrawFn, group: str, mcps: list[str]) -> CurrentObject:
    mcp = draw(st.sampled_from(mcps))
    effect = draw(st.sampled_from(["permit", "deny"]))
    key = GrantKey(
        group=group,
        mcp=mcp,
        effect=effect,
        delivery="automatic" if effect == "deny" else draw(st.sampled_from(["automatic", "opt_in"])),
        **draw(named(mcp))._asdict(),
    ).key
    constraints = None if effect == "deny" else draw(st.none() | CONSTRAINTS)
    approval = None if effect == "deny" else draw(st.none() | APPROVALS)
    attributes = {
        "expires_at": draw(st.sampled_from([None, PAST, SOON, LATER])),
        "constraints": constraints,
        "approval": approval,
    }
    item_id = str(draw(st.uuids()))
    return CurrentObject(
        kind=ObjectKind.GRANT, key=key, attributes=attributes, owner=draw(OWNERS), item_id=item_id
    )


@st.composite
def keys(draw: st.DrawFn, users: list[str]) -> CurrentObject:
    """Draw a key; several may have one name, as after a rotation."""
    attributes = {"meta_tools": draw(st.sampled_from(["on", "off", "inherit"]))} | draw(
        st.sampled_from([{}, {"expires_in_seconds": 1}, {"expires_in_seconds": 316_224_000}])
    )
    key = (draw(st.sampled_from(users)), draw(NAMES))
    item_id = str(draw(st.uuids()))
    return CurrentObject(
        kind=ObjectKind.KEY, key=key, attributes=attributes, owner=draw(OWNERS), item_id=item_id
    )


def written(state: list[CurrentObject], form: str) -> str:
    found = documents(state) or [{"owner": None}]
    match form:
        case "yaml":
            return export_text(found)
        case "ascii":
            return export_text(found, "ascii")
        case "json":
            return json_document(found)
        case _:
            return encodable_json(json_document(found), "ascii")


def planned(text: str, state: list[CurrentObject], *, prune: bool = False) -> Plan:
    desired = read_desired([STDIN], io.StringIO(text))
    return make_plan(desired, state, now=NOW, prune=prune)


@pytest.mark.parametrize("form", ["yaml", "ascii", "json", "ascii json"])
@examples(200)
@given(state=servers())
def test_export_is_read_back_and_changes_nothing(form: str, state: list[CurrentObject]) -> None:
    text = written(state, form)
    assert not form.startswith("ascii") or text.isascii()
    plan = planned(text, state)
    assert (plan.conflicts, plan.operations) == ((), ())


@examples(200)
@given(state=servers())
def test_export_describes_every_object_to_an_empty_server(state: list[CurrentObject]) -> None:
    plan = planned(written(state, "yaml"), [])
    assert plan.conflicts == ()
    wanted = {(each.kind, each.key) for each in state if each.attributes.get("expires_at") != PAST}
    assert {(each.kind, each.key) for each in plan.operations if each.action is Action.CREATE} == wanted


def test_pruning_with_an_export_keeps_the_keys_of_an_overlap() -> None:
    """A key that was replaced has the name of its replacement, and stays valid for a time."""
    user = CurrentObject(
        kind=ObjectKind.USER,
        key=("ann",),
        attributes={"display_name": "", "email": "", "status": "active", "source": "local"},
        owner="ci",
    )
    both = [
        CurrentObject(kind=ObjectKind.KEY, key=("ann", "laptop"), attributes={}, owner="ci", item_id=item_id)
        for item_id in ("old", "new")
    ]
    plan = planned(written([user, *both], "yaml"), [user, *both], prune=True)
    assert (plan.conflicts, plan.operations) == ((), ())


def test_standard_input_is_not_a_file_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-").write_text("owner: file\n")
    assert read_desired([STDIN], io.StringIO("owner: stdin")).owners == {"stdin"}
    assert read_desired([Path("./-").absolute()], io.StringIO()).owners == {"file"}
