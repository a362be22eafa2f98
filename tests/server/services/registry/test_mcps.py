"""Entries are put and changed: options are tested first, and no secret is lost or sent to another place."""

from dataclasses import replace

import pytest

from ambassador_server.domain.audit.events import AuditAction, Outcome
from ambassador_server.domain.catalog.credential_needs import (
    NO_CREDENTIALS,
    CredentialField,
    CredentialNeeds,
    OAuthNeeds,
    Place,
)
from ambassador_server.domain.catalog.mcps import (
    Isolation,
    Mcp,
    McpStatus,
    Sessions,
)
from ambassador_server.domain.people.credentials import CredentialStatus, UserCredential
from ambassador_server.domain.secrets.marks import REDACTED
from ambassador_server.domain.secrets.option_masking import mask_options
from ambassador_server.domain.shared.revision import revision
from ambassador_server.errors import (
    ChangedMeanwhileError,
    ConflictError,
    DownstreamUnavailableError,
    InvalidInputError,
    MissingRightError,
    NotFoundError,
)
from ambassador_server.ports.credentials import Credential
from ambassador_server.services.changes.writing import WriteResult
from ambassador_server.services.credentials.stored_credentials import revocation_id
from ambassador_server.services.registry.mcp_spec import McpSpec, connection_differs, masked
from tests.conformance.store_samples import pending
from tests.fakes.clock import START
from tests.fakes.downstream import make_tool
from tests.server.services.registry.mcps_world import build, last_event, stored
from tests.server.services.world import ROOT
from tests.server.worlds import MCP, USER

NEW = McpSpec(
    transport="stdio", options={"command": "wiki", "env": {"API_TOKEN": "s3cret-value", "TZ": "UTC"}}
)
MASKED = {"command": "wiki", "env": {"API_TOKEN": REDACTED, "TZ": "UTC"}}


async def test_putting_an_entry_again_changes_nothing():
    world, mcps = await build()
    first = await mcps.put(ROOT, "wiki", NEW)
    again = await mcps.put(ROOT, "wiki", NEW)
    assert (first.result, again.result) == (WriteResult.CREATED, WriteResult.UNCHANGED)
    assert (first.item.status, first.item.display_name) == (McpStatus.DRAFT, "wiki")
    assert [event.action for event in world.log.events] == [AuditAction.MCP_CREATE]
    assert "s3cret-value" not in repr(world.log.events)
    assert world.downstreams.probed == []


async def test_only_given_fields_are_changed_and_recorded():
    world, mcps = await build()
    await mcps.put(ROOT, "wiki", replace(NEW, tags=("a",), owner="ci/catalog"))
    changed = (
        await mcps.update(ROOT, "wiki", McpSpec(description="Ours", isolation=Isolation.PER_USER))
    ).item
    assert (changed.tags, changed.owner, changed.options) == (("a",), "ci/catalog", NEW.options)
    assert last_event(world) == (
        AuditAction.MCP_UPDATE,
        {
            "before": {"description": "", "isolation": "shared"},
            "after": {"description": "Ours", "isolation": "per_user"},
        },
    )


async def test_masked_options_that_are_sent_back_keep_their_secrets():
    world, mcps = await build()
    await mcps.put(ROOT, "wiki", NEW)
    assert mask_options(NEW.options or {}) == MASKED
    await mcps.update(ROOT, "wiki", McpSpec(options=MASKED, description="Ours"))
    assert (await stored(world, "wiki")).options == NEW.options


@pytest.mark.parametrize(
    "spec",
    [
        McpSpec(options={**MASKED, "command": "thief"}),
        McpSpec(options={"command": "wiki", "env": {"OTHER": REDACTED}}),
        McpSpec(options={"command": "wiki", "args": ["--token", f"x{REDACTED}"]}),
        McpSpec(options=MASKED, transport="streamable_http"),
        McpSpec(transport="streamable_http", options={"url": "https://thief", "headers": {"X": REDACTED}}),
    ],
)
async def test_mask_is_never_stored_and_never_moves_a_secret_to_another_place(spec: McpSpec):
    world, mcps = await build()
    await mcps.put(ROOT, "wiki", NEW)
    before = await stored(world, "wiki")
    with pytest.raises(InvalidInputError):
        await mcps.update(ROOT, "wiki", spec)
    assert await stored(world, "wiki") == before
    with pytest.raises(InvalidInputError):
        await mcps.add(ROOT, "other", replace(NEW, options=spec.options))


async def test_change_of_a_secret_is_recorded_without_its_value():
    world, mcps = await build()
    await mcps.put(ROOT, "wiki", NEW)
    before = await stored(world, "wiki")
    world.clock.advance(1)
    other = {"command": "wiki", "env": {"API_TOKEN": "another-value", "TZ": "UTC"}}
    after = (await mcps.update(ROOT, "wiki", McpSpec(options=other))).item
    assert last_event(world) == (AuditAction.MCP_UPDATE, {"secrets_changed": True, "before": {}, "after": {}})
    assert revision(masked(after)) != revision(masked(before))
    assert "another-value" not in repr(world.log.events)


async def test_new_options_of_a_published_entry_are_tried_before_they_apply():
    world, mcps = await build()
    world.downstreams.script("git", make_tool("fetch"))
    await mcps.update(ROOT, "git", McpSpec(options={"command": ["other"]}))
    assert world.downstreams.probed == ["git"]
    async with world.store.read() as work:
        assert [tool.name for tool in (await work.tools.all())["m1"]] == ["fetch"]
    await mcps.update(ROOT, "git", McpSpec(description="Ours"))
    assert world.downstreams.probed == ["git"]


async def test_options_that_do_not_connect_are_refused_unless_the_test_is_skipped():
    world, mcps = await build()
    before = await stored(world, "git")
    world.downstreams.lose("git")
    spec = McpSpec(options={"command": ["other"]}, description="Ours")
    with pytest.raises(DownstreamUnavailableError):
        await mcps.update(ROOT, "git", spec)
    assert await stored(world, "git") == before
    assert [(event.action, event.outcome) for event in world.log.events] == [
        (AuditAction.MCP_TEST, Outcome.PERMITTED),
        (AuditAction.MCP_TEST, Outcome.FAILED),
    ]
    assert (await mcps.update(ROOT, "git", spec, test=False)).item.options == {"command": ["other"]}


async def test_change_of_an_entry_during_its_test_is_not_overwritten():
    world, mcps = await build()

    async def probe(mcp: Mcp, _: Credential | None) -> tuple[()]:
        world.clock.advance(1)
        await mcps.update(ROOT, "git", McpSpec(description="Meanwhile"))
        return ()

    world.downstreams.probe = probe  # type: ignore[method-assign] # a slow downstream, and a quicker administrator
    with pytest.raises(ChangedMeanwhileError):
        await mcps.update(ROOT, "git", McpSpec(options={"command": ["other"]}))
    assert (await stored(world, "git")).description == "Meanwhile"


@pytest.mark.parametrize(
    ("name", "spec", "error"),
    [
        ("new", McpSpec(description="x"), InvalidInputError),
        ("new", McpSpec(options={}), InvalidInputError),
        ("No Name", NEW, InvalidInputError),
        ("git", McpSpec(call_timeout_seconds=0), InvalidInputError),
        ("git", McpSpec(call_timeout_seconds=float("nan")), InvalidInputError),
        ("git", McpSpec(tags=("a b",)), InvalidInputError),
        ("git", McpSpec(owner="a b"), InvalidInputError),
    ],
)
async def test_invalid_entry_is_refused(name: str, spec: McpSpec, error: type[Exception]):
    world, mcps = await build()
    with pytest.raises(error):
        await mcps.put(ROOT, name, spec)
    assert world.log.events == []


async def test_updating_an_unknown_entry_is_not_found():
    _, mcps = await build()
    with pytest.raises(NotFoundError):
        await mcps.update(ROOT, "nothing", NEW)


TOKEN = CredentialField(name="token", place=Place.ENVIRONMENT, target="API_TOKEN", reference="env://WIKI")
NEEDS = CredentialNeeds(fields=(TOKEN,))


async def test_credentials_are_stored_recorded_and_part_of_the_revision():
    world, mcps = await build()
    before = await mcps.add(ROOT, "wiki", NEW)
    after = (await mcps.update(ROOT, "wiki", McpSpec(credentials=NEEDS))).item
    assert (await stored(world, "wiki")).credentials == NEEDS
    assert revision(masked(after)) != revision(masked(before))
    assert last_event(world) == (
        AuditAction.MCP_UPDATE,
        {"before": {"needs": {}}, "after": {"needs": NEEDS.members}},
    )
    assert (await mcps.update(ROOT, "wiki", McpSpec(description="Ours"))).item.credentials == NEEDS
    assert (
        await mcps.update(ROOT, "wiki", McpSpec(credentials=NO_CREDENTIALS))
    ).item.credentials == NO_CREDENTIALS


async def test_needs_that_contradict_each_other_are_not_stored():
    world, mcps = await build()
    before = await stored(world, "git")
    with pytest.raises(InvalidInputError):
        await mcps.update(ROOT, "git", McpSpec(credentials=CredentialNeeds(fields=(TOKEN, TOKEN))))
    with pytest.raises(InvalidInputError):
        await mcps.update(
            ROOT,
            "git",
            McpSpec(
                credentials=CredentialNeeds(fields=(replace(TOKEN, reference=None),)),
                sessions=Sessions.SHARED,
            ),
        )
    assert await stored(world, "git") == before


def test_texts_for_people_need_no_new_connection():
    one = replace(MCP, credentials=NEEDS)
    other = replace(
        one, credentials=CredentialNeeds(fields=(replace(TOKEN, title="Token", help="Make one"),))
    )
    assert not connection_differs(one, other)
    for change in ({"reference": "env://OTHER"}, {"target": "TOKEN"}, {"secret": False}, {"required": False}):
        changed = CredentialNeeds(fields=(replace(TOKEN, **change),))
        assert connection_differs(one, replace(one, credentials=changed))
    assert connection_differs(one, replace(one, credentials=CredentialNeeds(oauth=OAuthNeeds())))


async def test_texts_for_people_are_checked_all_the_same():
    world, mcps = await build()
    await mcps.add(ROOT, "wiki", replace(NEW, credentials=NEEDS))
    with pytest.raises(InvalidInputError, match="printable"):
        await mcps.update(
            ROOT, "wiki", McpSpec(credentials=CredentialNeeds(fields=(replace(TOKEN, help="a\nb"),)))
        )
    assert (await stored(world, "wiki")).credentials == NEEDS


async def test_the_audit_has_references_and_endpoints_but_no_text_that_looks_like_a_secret():
    world, mcps = await build()
    field = CredentialField(
        name="key",
        place=Place.HEADER,
        target="Authorization",
        template="Authorization: token abc {}",
        reference="hashicorp://secret/git#token",
        secret=False,
    )
    oauth = OAuthNeeds(client_id="us", client_secret="file:///run/x", token_endpoint="https://issuer/token")
    needs = CredentialNeeds(fields=(field,), oauth=oauth)
    await mcps.add(
        ROOT, "wiki", McpSpec(transport="streamable_http", options={"url": "x"}, credentials=needs)
    )
    assert last_event(world)[1]["needs"] == {
        "fields": [
            {
                "name": "key",
                "place": "header",
                "target": "Authorization",
                "template": "Authorization: [redacted]",
                "secret": False,
                "reference": "hashicorp://secret/git#token",
            }
        ],
        "oauth": {
            "client_id": "us",
            "client_secret": "file:///run/x",
            "exchange_endpoint": "https://issuer/token",
        },
    }


@pytest.mark.parametrize(
    ("spec", "asked_again"),
    [
        (McpSpec(options={"url": "https://here.example/other"}), 1),
        (McpSpec(options={"url": "https://evil.example/mcp"}), 1),
        (McpSpec(options={"url": "http://here.example/mcp"}), 1),
        (McpSpec(options={"url": "https://here.example:8443/mcp"}), 1),
        (McpSpec(options={"url": "https://here.example/mcp?tenant=1"}), None),
        (
            McpSpec(
                credentials=CredentialNeeds(
                    fields=(CredentialField(name="token", place=Place.QUERY, target="t"),)
                )
            ),
            1,
        ),
        (McpSpec(description="Ours"), None),
    ],
)
async def test_change_that_asks_users_again_is_recorded_with_their_number(
    spec: McpSpec, asked_again: int | None
):
    world, mcps = await build()
    field = CredentialField(name="token", place=Place.HEADER, target="X-Token")
    mcp = replace(
        MCP,
        transport="streamable_http",
        options={"url": "https://here.example/mcp"},
        credentials=CredentialNeeds(fields=(field,)),
    )
    async with world.store.write() as work:
        await work.mcps.replace(mcp)
        await work.credentials.add(
            UserCredential(
                credential_id="c1",
                user_id=USER.user_id,
                mcp_id=mcp.mcp_id,
                fields=("token",),
                generation="g1",
                status=CredentialStatus.ACTIVE,
                created_at=START,
                updated_at=START,
            )
        )
    await mcps.update(ROOT, mcp.name, spec)
    action, details = last_event(world)
    assert (action, details.get("asked_again")) == (AuditAction.MCP_UPDATE, asked_again)


@pytest.mark.parametrize("test", [True, False])
@pytest.mark.parametrize("place", [Place.ENVIRONMENT, Place.ARGUMENT])
async def test_what_a_running_program_is_started_with_needs_the_right_to_start_it(place: Place, test: bool):
    world, mcps = await build(administrators_execute=False)
    before = await stored(world, "git")
    target = "KEY" if place is Place.ENVIRONMENT else ""
    needs = CredentialNeeds(fields=(CredentialField(name="key", place=place, target=target),))
    with pytest.raises(MissingRightError):
        await mcps.update(ROOT, "git", McpSpec(credentials=needs), test=test)
    assert (await stored(world, "git"), world.downstreams.probed) == (before, [])


async def test_entry_is_removed_only_after_access_by_oauth_is_revoked_at_the_provider():
    world, mcps = await build()
    given = UserCredential(
        credential_id="c1",
        user_id=USER.user_id,
        mcp_id=MCP.mcp_id,
        fields=("oauth", "token"),
        generation="g1",
        status=CredentialStatus.ACTIVE,
        created_at=START,
        updated_at=START,
    )
    revocation = replace(pending(1), pending_id=revocation_id(), user_id=USER.user_id, mcp_id=MCP.mcp_id)
    async with world.store.write() as work:
        await work.credentials.add(given)
        await work.pending.add(revocation)
    await mcps.archive(ROOT, MCP.name)
    with pytest.raises(ConflictError, match="Users have connected"):
        await mcps.remove(ROOT, MCP.name)
    async with world.store.write() as work:
        await work.credentials.replace(replace(given, fields=("token",)))
    with pytest.raises(ConflictError, match="is being revoked at its provider"):
        await mcps.remove(ROOT, MCP.name)
    async with world.store.write() as work:
        await work.pending.remove(revocation.pending_id)
    await mcps.remove(ROOT, MCP.name)
    action, details = last_event(world)
    assert (action, details["users_with_values"]) == (AuditAction.MCP_REMOVE, 1)
