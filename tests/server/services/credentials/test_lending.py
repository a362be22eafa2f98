"""Calls are lent whole credentials of their own user, from memory, and nothing where anything is missing."""

import asyncio
import logging
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.catalog.credential_needs import (
    OAUTH_FIELD,
    CredentialField,
    CredentialNeeds,
    GrantType,
    OAuthNeeds,
    Place,
)
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.credentials import CredentialStatus, UserCredential
from ambassador_server.errors import StorageError
from ambassador_server.ports.credentials import Credential, Missing, MissingBecause
from ambassador_server.ports.vault import SecretPlace
from ambassador_server.services.credentials.access_tokens import AccessToken
from ambassador_server.services.credentials.shared_values import SHARED_SECONDS
from tests.server.services.credentials.world import ENVIRONMENT, HEADER, LendingWorld, mcp_with

SHARED = replace(HEADER, name="team", target="X-Team", template="{}", reference="env://TEAM")
OPTIONAL = CredentialField(name="region", place=Place.QUERY, target="region", required=False, secret=False)


async def lent(world: LendingWorld, mcp: Mcp, user_id: str = "u1") -> Credential:
    found = await world.lending.for_(user_id, mcp)
    assert isinstance(found, Credential), found
    return found


async def test_values_go_to_their_places():
    mcp = mcp_with(
        ENVIRONMENT, HEADER, OPTIONAL, CredentialField(name="flag", place=Place.ARGUMENT, template="--key={}")
    )
    world = await LendingWorld.build(mcp)
    await world.give({"key": "k", "token": "t", "region": "eu", "flag": "f"})
    assert await lent(world, mcp) == Credential(
        generation="g1",
        environment={"API_KEY": "k"},
        arguments=("--key=f",),
        headers={"Authorization": "Bearer t"},
        query={"region": "eu"},
        secrets=("k", "t", "f"),
    )


async def test_known_credential_is_lent_without_a_database():
    world = await LendingWorld.build(mcp := mcp_with(HEADER))
    await world.give({"token": "t"})
    first = await lent(world, mcp)
    reads = world.store.reads
    assert await lent(world, mcp) is first
    assert world.store.reads == reads


async def test_uses_at_the_same_time_are_one_read_also_if_one_is_cancelled():
    world = await LendingWorld.build(mcp := mcp_with(HEADER))
    await world.give({"token": "t"})
    reads = world.store.reads
    uses = [asyncio.create_task(lent(world, mcp)) for _ in range(20)]
    await asyncio.sleep(0)
    uses[0].cancel()
    found = await asyncio.gather(*uses[1:])
    assert {id(each) for each in found} == {id(found[0])}
    assert world.store.reads == reads + 1


async def test_failed_read_fails_those_that_wait_and_nobody_else():
    world = await LendingWorld.build(mcp := mcp_with(HEADER))
    await world.give({"token": "t"})
    await world.store.close()
    found = await asyncio.gather(*(world.lending.for_("u1", mcp) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in found] == [StorageError] * 3


async def test_replaced_value_is_lent_at_once_and_a_removed_one_never():
    world = await LendingWorld.build(mcp := mcp_with(HEADER))
    await world.give({"token": "old"})
    await lent(world, mcp)
    await world.give({"token": "new"}, generation="g2")
    found = await lent(world, mcp)
    assert (found.generation, found.headers) == ("g2", {"Authorization": "Bearer new"})
    await world.take()
    assert await world.lending.for_("u1", mcp) == Missing(because=MissingBecause.NOT_GIVEN, fields=("token",))


async def test_removed_value_stays_in_no_memory():
    world = await LendingWorld.build(mcp := mcp_with(HEADER))
    await world.give({"token": "t"})
    await lent(world, mcp)
    await world.take()
    assert not world.lending._lent


async def test_value_that_is_newer_than_the_policy_is_lent_with_its_own_generation():
    world = await LendingWorld.build(mcp := mcp_with(HEADER))
    await world.give({"token": "old"})
    known = world.policy.snapshot
    await world.give({"token": "new"}, generation="g2")
    world.policy.snapshot = known
    assert (await lent(world, mcp)).generation == "g2"


async def test_changed_needs_are_met_with_the_values_that_are_there():
    world = await LendingWorld.build(mcp := mcp_with(HEADER))
    await world.give({"token": "t"})
    await lent(world, mcp)
    moved = mcp_with(replace(HEADER, template="Token {}"))
    assert (await lent(world, moved)).headers == {"Authorization": "Token t"}
    more = await world.lending.for_("u1", mcp_with(HEADER, ENVIRONMENT))
    assert more == Missing(because=MissingBecause.NOT_GIVEN, fields=("key",))


async def test_what_is_not_required_may_be_missing():
    world = await LendingWorld.build(mcp := mcp_with(OPTIONAL))
    nothing = await lent(world, mcp)
    assert (nothing.generation, nothing.query) == ("none", {})
    await world.give({"region": "eu"})
    assert (await lent(world, mcp)).query == {"region": "eu"}


async def test_missing_field_is_told_without_a_database():
    world = await LendingWorld.build(mcp := mcp_with(HEADER, ENVIRONMENT))
    await world.give({"token": "t"})
    reads = world.store.reads
    missing = Missing(because=MissingBecause.NOT_GIVEN, fields=("key",))
    assert await world.lending.for_("u1", mcp) == missing
    assert world.store.reads == reads


async def test_lost_master_key_is_told_and_nothing_is_lent(caplog: pytest.LogCaptureFixture):
    world = await LendingWorld.build(mcp := mcp_with(HEADER))
    await world.give({"token": "very-secret"})
    key = world.keys.pop(1)
    world.keys[2] = b"x" * 32
    assert world.vault.newest == 2
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            found = await world.lending.for_("u1", mcp)
    assert len(caplog.records) == 1
    assert found == Missing(because=MissingBecause.CANNOT_BE_OPENED, fields=("token",))
    assert "vault-1" in caplog.text
    assert "very-secret" not in caplog.text
    world.keys[1] = key
    assert (await lent(world, mcp)).headers == {"Authorization": "Bearer very-secret"}


@pytest.mark.parametrize("damage", ["moved", "cut", "gone", "no text"])
async def test_damaged_value_is_never_lent(damage: str):
    world = await LendingWorld.build(mcp := mcp_with(HEADER), users=2)
    await world.give({"token": "of-u1"})
    await world.give({"token": "of-u2"}, user_id="u2")
    async with world.store.write() as work:
        stored = await work.secrets.get("u1-m1", "token")
        assert stored is not None
        if damage == "moved":
            await work.secrets.put(replace(stored, credential_id="u2-m1"))
        elif damage == "cut":
            await work.secrets.put(replace(stored, credential_id="u2-m1", sealed=stored.sealed[:-1]))
        elif damage == "no text":
            sealed = world.vault.seal(b"\xff\xfe", SecretPlace("u2", "m1", "token"))
            await work.secrets.put(replace(stored, credential_id="u2-m1", sealed=sealed.content))
        else:
            await work.secrets.remove("u2-m1", "token")
    found = await world.lending.for_("u2", mcp)
    assert found == Missing(because=MissingBecause.CANNOT_BE_OPENED, fields=("token",))
    assert (await lent(world, mcp)).headers == {"Authorization": "Bearer of-u1"}


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/mcp",
        "http://here.example/mcp",
        "https://here.example/other",
        "https://here.example:1/mcp",
    ],
)
async def test_value_is_sent_to_no_address_but_that_for_which_it_was_given(url: str):
    mcp = replace(mcp_with(HEADER), transport="streamable_http", options={"url": "https://here.example/mcp"})
    world = await LendingWorld.build(mcp)
    await world.give({"token": "t"})
    await lent(world, mcp)
    moved = replace(mcp, options={"url": url})
    asked_again = Missing(because=MissingBecause.NOT_GIVEN, fields=("token",))
    assert await world.lending.for_("u1", moved) == asked_again
    assert (await lent(world, replace(mcp, options={**mcp.options, "ca": "x"}))).secrets == ("t",)
    assert (await lent(world, mcp)).secrets == ("t",), "the old address has it again"


@pytest.mark.parametrize("place", [Place.ARGUMENT, Place.QUERY, Place.HEADER])
async def test_value_is_put_into_no_place_but_that_for_which_it_was_given(place: Place):
    world = await LendingWorld.build(mcp := mcp_with(ENVIRONMENT))
    await world.give({"key": "k"})
    assert (await lent(world, mcp_with(replace(ENVIRONMENT, target="OTHER")))).environment == {"OTHER": "k"}
    moved = mcp_with(replace(ENVIRONMENT, place=place))
    asked_again = Missing(because=MissingBecause.NOT_GIVEN, fields=("key",))
    assert await world.lending.for_("u1", moved) == asked_again
    assert (await lent(world, mcp)).secrets == ("k",)


async def test_value_that_became_a_header_is_asked_for_again():
    world = await LendingWorld.build(mcp_with(ENVIRONMENT))
    await world.give({"key": "two\nlines"})
    mcp = mcp_with(CredentialField(name="key", place=Place.HEADER, target="X-Key"))
    found = await world.lending.for_("u1", mcp)
    assert found == Missing(because=MissingBecause.NOT_GIVEN, fields=("key",))


async def test_shared_value_is_read_again_and_its_change_is_a_new_generation():
    world = await LendingWorld.build(mcp := mcp_with(SHARED), users=2)
    world.secrets["env://TEAM"] = "red"
    first = await lent(world, mcp)
    assert first.headers == {"X-Team": "red"}
    assert await lent(world, mcp, "u2") == first
    world.secrets["env://TEAM"] = "blue"
    assert await lent(world, mcp) == first
    world.clock.advance(SHARED_SECONDS)
    second = await lent(world, mcp)
    assert second.headers == {"X-Team": "blue"}
    assert second.generation != first.generation
    assert await lent(world, mcp, "u2") == second
    world.clock.advance(SHARED_SECONDS)
    assert await lent(world, mcp) == second


async def test_generation_tells_nothing_of_a_shared_value():
    generations = set()
    for _ in range(2):
        world = await LendingWorld.build(mcp := mcp_with(SHARED))
        world.secrets["env://TEAM"] = "red"
        generations.add((await lent(world, mcp)).generation)
    assert len(generations) == 2


@pytest.mark.parametrize("value", [None, "", "two\r\nlines", " spaces "])
async def test_unusable_reference_is_told(value: str | None):
    world = await LendingWorld.build(mcp := mcp_with(HEADER, SHARED))
    await world.give({"token": "t"})
    if value is not None:
        world.secrets["env://TEAM"] = value
    missing = Missing(because=MissingBecause.REFERENCE_UNUSABLE, fields=("team",))
    assert await world.lending.for_("u1", mcp) == missing
    assert await world.lending.for_listing(mcp_with(SHARED)) == missing


async def test_own_and_shared_values_go_together_and_the_own_generation_leads():
    world = await LendingWorld.build(mcp := mcp_with(HEADER, SHARED))
    world.secrets["env://TEAM"] = "red"
    await world.give({"token": "t"}, generation="abcdef")
    found = await lent(world, mcp)
    assert found.headers == {"Authorization": "Bearer t", "X-Team": "red"}
    assert found.generation.startswith("abcdef.")


async def test_leftover_of_a_user_does_not_keep_a_shared_credential_out_of_memory():
    world = await LendingWorld.build(mcp := mcp_with(SHARED), users=2)
    world.secrets["env://TEAM"] = "red"
    await world.give({"token": "from before"})
    first = await lent(world, mcp)
    reads = world.store.reads
    assert await lent(world, mcp) is first
    assert world.store.reads == reads
    assert (await lent(world, mcp, "u2")).generation == first.generation


async def test_listing_uses_shared_values_and_those_declared_for_it():
    own = replace(HEADER, listing_reference="env://LISTING")
    world = await LendingWorld.build(mcp := mcp_with(own, SHARED, OPTIONAL))
    world.secrets |= {"env://TEAM": "red", "env://LISTING": "reader"}
    found = await world.lending.for_listing(mcp)
    assert isinstance(found, Credential)
    assert found.headers == {"Authorization": "Bearer reader", "X-Team": "red"}
    needed = await world.lending.for_listing(mcp_with(HEADER, SHARED))
    assert needed == Missing(because=MissingBecause.NOT_GIVEN, fields=("token",))


async def test_memory_is_bounded_and_what_was_used_last_stays():
    world = await LendingWorld.build(mcp := mcp_with(HEADER), users=4, most_held=2)
    for number in range(1, 5):
        await world.give({"token": f"t{number}"}, user_id=f"u{number}")
    for user_id in ("u1", "u2", "u1", "u3"):
        await lent(world, mcp, user_id)
    reads = world.store.reads
    await lent(world, mcp, "u1")
    await lent(world, mcp, "u3")
    assert world.store.reads == reads
    await lent(world, mcp, "u2")
    assert world.store.reads == reads + 1


async def test_server_and_users_have_the_same_shared_value_at_a_time():
    world = await LendingWorld.build(mcp := mcp_with(SHARED))
    world.secrets["env://TEAM"] = "red"
    await lent(world, mcp)
    world.secrets["env://TEAM"] = "blue"
    listing = await world.lending.for_listing(mcp)
    assert isinstance(listing, Credential)
    assert listing == await lent(world, mcp)


async def test_refused_credential_is_read_again():
    world = await LendingWorld.build(mcp := mcp_with(SHARED))
    world.secrets["env://TEAM"] = "red"
    used = await lent(world, mcp)
    assert not await world.lending.refused("u1", mcp, used, "")
    world.secrets["env://TEAM"] = "blue"
    assert await world.lending.refused("u1", mcp, used, "")
    assert (await lent(world, mcp)).headers == {"X-Team": "blue"}


class Tokens:
    """Has one token, which ends."""

    def __init__(self) -> None:
        self.asked: list[UserCredential | None] = []
        self.refusals: list[str] = []
        self.value = "access-1"
        self.ask_again_at: datetime | None = None

    async def token_for(self, mcp: Mcp, credential: UserCredential | None) -> AccessToken | Missing:
        self.asked.append(credential)
        return AccessToken(value=self.value, ask_again_at=self.ask_again_at)

    async def refused(self, mcp: Mcp, credential: UserCredential | None, token: str, challenge: str) -> bool:
        self.refusals.append(token)
        return False


def oauth_mcp(grant: GrantType = GrantType.USER) -> Mcp:
    return replace(mcp_with(), credentials=CredentialNeeds(oauth=OAuthNeeds(grant=grant)))


async def test_token_is_a_header_until_its_source_wants_to_be_asked_again():
    tokens, mcp = Tokens(), oauth_mcp()
    world = await LendingWorld.build(mcp, tokens=tokens)
    await world.give({OAUTH_FIELD: "{}"})
    tokens.ask_again_at = world.clock.now() + timedelta(seconds=60)
    found = await lent(world, mcp)
    assert (found.headers, found.secrets) == ({"Authorization": "Bearer access-1"}, ("access-1",))
    tokens.value = "access-2"
    assert await lent(world, mcp) is found
    world.clock.advance(60)
    again = await lent(world, mcp)
    assert (again.headers, again.generation) == ({"Authorization": "Bearer access-2"}, found.generation)
    assert not await world.lending.refused("u1", mcp, again, "Bearer")
    assert tokens.refusals == ["access-2"]
    await lent(world, mcp)
    assert await world.lending.refused("u1", mcp, found, "Bearer")
    assert tokens.refusals == ["access-2"]


async def test_token_that_was_lent_for_one_address_is_not_lent_for_another():
    class OfOneAddress(Tokens):
        async def token_for(self, mcp: Mcp, credential: UserCredential | None) -> AccessToken | Missing:
            if mcp.options["url"] != "https://first.example/mcp":
                return Missing(because=MissingBecause.NOT_GIVEN, needs_connect=True)
            await asyncio.sleep(0)
            return await super().token_for(mcp, credential)

    first = replace(oauth_mcp(), options={"url": "https://first.example/mcp"})
    moved = replace(first, options={"url": "https://other.example/mcp"})
    world = await LendingWorld.build(first, tokens=OfOneAddress())
    await world.give({OAUTH_FIELD: "{}"})
    at_once = await asyncio.gather(world.lending.for_("u1", first), world.lending.for_("u1", moved))
    assert [type(each) for each in at_once] == [Credential, Missing]
    assert await lent(world, first) is await lent(world, replace(first, options=dict(first.options)))
    assert isinstance(await world.lending.for_("u1", moved), Missing)


async def test_token_of_a_service_account_is_that_of_no_user():
    tokens, mcp = Tokens(), oauth_mcp(GrantType.SERVICE_ACCOUNT)
    world = await LendingWorld.build(mcp, tokens=tokens)
    await lent(world, mcp)
    assert tokens.asked == [None]
    assert isinstance(await world.lending.for_listing(mcp), Credential)


async def test_user_who_has_not_connected_or_has_to_again_is_told():
    mcp = oauth_mcp()
    world = await LendingWorld.build(mcp, tokens=Tokens())
    assert await world.lending.for_("u1", mcp) == Missing(
        because=MissingBecause.NOT_GIVEN, needs_connect=True
    )
    assert await world.lending.for_listing(mcp) == Missing(
        because=MissingBecause.NOT_GIVEN, needs_connect=True
    )
    await world.give({OAUTH_FIELD: "{}"}, status=CredentialStatus.DEAD)
    assert await world.lending.for_("u1", mcp) == Missing(because=MissingBecause.DEAD, needs_connect=True)


USERS, MCPS = ("u1", "u2", "u3"), ("m1", "m2")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["give", "take", "lend", "new key"]), st.sampled_from(USERS), st.sampled_from(MCPS)
    ),
    max_size=30,
)


@given(STEPS)
def test_every_user_is_lent_their_own_newest_value_and_no_other(steps: list[tuple[str, str, str]]):
    asyncio.run(_follow(steps))


async def _follow(steps: list[tuple[str, str, str]]) -> None:
    mcps = {mcp_id: mcp_with(HEADER, mcp_id=mcp_id) for mcp_id in MCPS}
    world = await LendingWorld.build(*mcps.values(), users=len(USERS), most_held=3)
    expected: dict[tuple[str, str], str] = {}
    for number, (step, user_id, mcp_id) in enumerate(steps):
        pair = (user_id, mcp_id)
        if step == "give":
            expected[pair] = f"{user_id}-{mcp_id}-{number}"
            await world.give(
                {"token": expected[pair]}, user_id=user_id, mcp_id=mcp_id, generation=f"g{number}"
            )
        elif step == "take" and expected.pop(pair, None) is not None:
            await world.take(user_id=user_id, mcp_id=mcp_id)
        elif step == "new key":
            world.keys[max(world.keys) + 1] = bytes([number]) * 32
        else:
            found = await world.lending.for_(user_id, mcps[mcp_id])
            value = expected.get(pair)
            assert isinstance(found, Credential) == (value is not None)
            if isinstance(found, Credential):
                assert found.secrets == (value,)
