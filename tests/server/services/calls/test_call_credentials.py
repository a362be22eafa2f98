"""Calls of an MCP that needs credentials: lent, recorded, refused without one, and repeated once with another."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from ambassador_server.domain.audit.call_actions import CALL_ACTIONS, CallStep
from ambassador_server.domain.audit.events import AuditAction, Outcome
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.catalog.credential_needs import (
    CredentialField,
    CredentialNeeds,
    OAuthNeeds,
    Place,
)
from ambassador_server.domain.policy.decision import CredentialFault, Deny, Reason
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.errors import CredentialRefusedError, DownstreamUnavailableError, StepUpNeededError
from ambassador_server.ports.credentials import Credential, Missing, MissingBecause
from ambassador_server.services.calls.capability_call import Answered
from ambassador_server.wording.refusals import refusal_text
from tests.server.services.world import World
from tests.server.worlds import MCP, USER

NEEDS = CredentialNeeds(
    fields=(CredentialField(name="token", place=Place.HEADER, target="Authorization", template="Bearer {}"),)
)
ATTEMPT, OUTCOME, DENY = (
    CALL_ACTIONS[step][CapabilityKind.TOOL] for step in (CallStep.ATTEMPT, CallStep.OUTCOME, CallStep.DENY)
)


async def needing(needs: CredentialNeeds = NEEDS) -> World:
    world = await World.build()
    async with world.store.write() as work:
        await work.mcps.replace(replace(MCP, credentials=needs))
    await world.policy.refresh()
    return world


def actions(world: World) -> list[AuditAction]:
    return [event.action for event in world.call_events()]


def refuse(*values: str) -> Callable[[Credential | None], None]:
    def check(credential: Credential | None) -> None:
        if credential is not None and credential.secrets[0] in values:
            raise CredentialRefusedError("git: refused the credentials (HTTP 401)", challenge="Bearer")

    return check


async def test_a_call_brings_the_credential_of_its_user():
    world = await needing()
    lent = world.lender.give(USER.user_id, MCP.mcp_id, "hers")
    assert isinstance(await world.call(), Answered)
    (call,) = world.downstreams.calls
    assert call.credential is lent
    attempt, outcome = world.call_events()
    assert (attempt.action, outcome.action) == (ATTEMPT, OUTCOME)
    assert attempt.details["generation"] == lent.generation[:8]
    assert "hers" not in str(world.log.events).replace(lent.generation[:8], "")


async def test_without_a_need_no_lender_is_asked():
    world = await World.build()
    world.lender.error = DownstreamUnavailableError("never asked")
    assert isinstance(await world.call(), Answered)
    assert world.downstreams.calls[0].credential is None
    assert "generation" not in world.call_events()[0].details


async def test_a_missing_credential_refuses_the_call_and_says_how_to_give_it():
    world = await needing()
    answer = await world.call()
    assert isinstance(answer, Deny)
    assert answer.reason is Reason.CREDENTIAL_MISSING
    assert answer.disclosed
    assert actions(world) == [DENY]
    assert (world.call_events()[0].outcome, world.call_events()[0].reason) == (
        Outcome.DENIED,
        "credential_missing",
    )
    assert world.downstreams.calls == []
    assert refusal_text(answer, "git__log") == (
        "git__log is refused: git needs a credential of yours: token (credential_missing). Give it with: "
        "ambassador-client credential set git, or at https://here.example/credentials/git"
    )


async def test_a_token_that_cannot_be_refreshed_fails_the_call_on_record():
    world = await needing()
    world.lender.error = DownstreamUnavailableError("the authorization server does not answer")
    with pytest.raises(DownstreamUnavailableError, match="authorization server"):
        await world.call()
    assert actions(world) == [ATTEMPT, OUTCOME]
    assert world.call_events()[1].outcome is Outcome.FAILED
    assert world.downstreams.calls == []


async def test_a_refused_credential_is_replaced_once():
    world = await needing()
    world.lender.give(USER.user_id, MCP.mcp_id, "old")
    world.lender.renewed[USER.user_id, MCP.mcp_id] = Credential(generation="old-1", secrets=("new",))
    world.script.check = refuse("old")
    assert isinstance(await world.call(), Answered)
    assert [call.credential.secrets[0] for call in world.downstreams.calls if call.credential] == [
        "old",
        "new",
    ]
    assert world.lender.refusals == [(USER.user_id, "old-1", "Bearer")]
    assert actions(world) == [ATTEMPT, OUTCOME]


@pytest.mark.parametrize("renewed", [False, True])
async def test_a_credential_that_stays_refused_refuses_the_call(renewed: bool):
    world = await needing()
    world.lender.give(USER.user_id, MCP.mcp_id, "old")
    if renewed:
        world.lender.renewed[USER.user_id, MCP.mcp_id] = Credential(generation="old-1", secrets=("new",))
    world.script.check = refuse("old", "new")
    answer = await world.call()
    assert isinstance(answer, Deny)
    assert answer.missing is not None
    assert answer.missing.fault is CredentialFault.REFUSED
    assert "git does not accept your credential (credential_missing)" in refusal_text(answer, "git__log")
    assert len(world.lender.refusals) == 1
    assert len(world.downstreams.calls) == 1 + renewed
    assert actions(world) == [ATTEMPT, DENY]


async def test_an_mcp_that_demands_more_scopes_asks_the_user_to_connect_again():
    world = await needing(CredentialNeeds(oauth=OAuthNeeds()))
    world.lender.give(USER.user_id, MCP.mcp_id, "old")
    world.lender.refusal_error = StepUpNeededError("more", scopes=("read", "write"))
    world.script.check = refuse("old")
    answer = await world.call()
    assert isinstance(answer, Deny)
    assert refusal_text(answer, "git__log") == (
        "git__log is refused: git demands more access than you have granted (credential_missing). Connect with: "
        "ambassador-client connect git, or at https://here.example/credentials/git"
    )
    assert len(world.downstreams.calls) == 1
    assert actions(world) == [ATTEMPT, DENY]


async def test_what_a_known_user_may_not_do_is_no_missing_credential():
    world = await needing()
    world.lender.give(USER.user_id, MCP.mcp_id, "known")

    def forbid(_: Credential | None) -> None:
        raise CredentialRefusedError("git: refused the credentials (HTTP 403)", is_known=True)

    world.script.check = forbid
    with pytest.raises(DownstreamUnavailableError, match="HTTP 403"):
        await world.call()
    assert len(world.lender.refusals) == 1, "another scope may help"


async def test_a_credential_that_is_removed_while_the_attempt_is_recorded_is_not_used():
    world = await needing()
    world.lender.give(USER.user_id, MCP.mcp_id, "gone")
    lendings = 0

    async def remove_after_the_first() -> None:
        nonlocal lendings
        lendings += 1
        if lendings == 2:
            world.lender.remove(USER.user_id, MCP.mcp_id)

    world.lender.before_lending = remove_after_the_first
    answer = await world.call()
    assert isinstance(answer, Deny)
    assert answer.reason is Reason.CREDENTIAL_MISSING
    assert world.downstreams.calls == []


async def test_a_credential_that_is_replaced_while_the_attempt_is_recorded_is_the_one_that_is_used():
    world = await needing()
    world.lender.give(USER.user_id, MCP.mcp_id, "first")
    lendings = 0

    async def replace_after_the_first() -> None:
        nonlocal lendings
        lendings += 1
        if lendings == 2:
            world.lender.give(USER.user_id, MCP.mcp_id, "second")

    world.lender.before_lending = replace_after_the_first
    assert isinstance(await world.call(), Answered)
    (call,) = world.downstreams.calls
    assert call.credential is not None
    assert call.credential.secrets == ("second",)


async def test_a_credential_is_not_sent_to_the_address_to_which_the_mcp_has_moved_meanwhile():
    world = await needing()
    world.lender.give(USER.user_id, MCP.mcp_id, "hers")
    lendings = 0

    async def move_after_the_first() -> None:
        nonlocal lendings
        lendings += 1
        if lendings == 2:
            async with world.store.write() as work:
                await work.mcps.replace(replace(MCP, credentials=NEEDS, options={"command": "other"}))
            await world.policy.refresh()

    world.lender.before_lending = move_after_the_first
    with pytest.raises(DownstreamUnavailableError, match="git was changed meanwhile"):
        await world.call()
    assert actions(world) == [ATTEMPT, OUTCOME]
    assert world.downstreams.calls == []


async def test_a_kill_switch_stops_a_call_that_waits_for_its_credential():
    world = await needing()
    waiting = asyncio.Event()

    async def wait() -> None:
        waiting.set()
        await asyncio.Event().wait()

    world.lender.before_lending = wait
    call = asyncio.create_task(world.call())
    await waiting.wait()
    await world.kill(SwitchScope.EVERYONE, None)
    answer = await call
    assert isinstance(answer, Deny)
    assert answer.reason is Reason.KILL_SWITCH


async def test_who_has_to_connect_is_told_so():
    world = await needing(CredentialNeeds(oauth=OAuthNeeds()))
    world.lender.given[USER.user_id, MCP.mcp_id] = Missing(  # type: ignore[assignment] # what a lender returns, too
        because=MissingBecause.DEAD, needs_connect=True
    )
    answer = await world.call()
    assert isinstance(answer, Deny)
    assert refusal_text(answer, "git__log") == (
        "git__log is refused: your access to git has expired or was revoked (credential_missing). Connect with: "
        "ambassador-client connect git, or at https://here.example/credentials/git"
    )
