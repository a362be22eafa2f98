"""Users connect by OAuth: each ticket, state, cookie and code works once, for its user and its browser alone."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from ambassador_server.errors import (
    AuthorizationDeniedError,
    AuthorizationServerUnavailableError,
    ConflictError,
    GrantDeadError,
    InvalidInputError,
    IssuerMismatchError,
    NotFoundError,
    OverloadedError,
    RateLimitedError,
    RegistrationRefusedError,
)
from ambassador_server.ports.credentials import Credential, Missing, MissingBecause
from ambassador_server.services.credentials.oauth_flow import Undecided
from ambassador_server.services.credentials.pending_connections import MOST_BEGUN_PER_MINUTE, MOST_OF_A_USER
from tests.fakes.authorization_server import (
    DESCRIPTION,
    FakeAuthorizationServer,
    answer,
    authorization_server,
    refuse,
)
from tests.server.services.credentials.connect_world import (
    ALICE,
    BOB,
    NAME,
    ConnectServer,
    ConnectWorld,
    oauth_mcp,
)
from tests.server.services.world import ORIGIN


@pytest.fixture
async def fake() -> AsyncIterator[FakeAuthorizationServer]:
    async with authorization_server() as server:
        yield server


@pytest.fixture
def world() -> ConnectWorld:
    return ConnectWorld()


@pytest.fixture
async def server(world: ConnectWorld, fake: FakeAuthorizationServer) -> ConnectServer:
    return await world.setup(oauth_mcp(fake.mcp))


async def lent(server: ConnectServer, user_id: str = "u1") -> Credential | Missing:
    (mcp,) = server.policy.snapshot.mcps.values()
    return await server.lending.for_(user_id, mcp)


async def test_user_who_connects_is_lent_their_token_and_nobody_else(
    server: ConnectServer, world: ConnectWorld, fake: FakeAuthorizationServer
) -> None:
    before = await lent(server)
    assert isinstance(before, Missing)
    assert (before.because, before.needs_connect) == (MissingBecause.NOT_GIVEN, True)
    given = await server.connect()
    found = await lent(server)
    assert isinstance(found, Credential)
    token = found.headers["Authorization"].removeprefix("Bearer ")
    assert token in fake.issued
    assert given.issuer == fake.base
    assert set(given.scopes) == {"read", "write"}
    assert isinstance(await lent(server, "u2"), Missing)
    assert world.actions() == [
        ("credential:user:begin-connect", "permitted"),
        ("credential:client:register", "permitted"),
        ("credential:user:connect", "succeeded"),
    ]
    assert token not in repr(world.log.events)
    async with world.store.read() as work:
        assert await work.pending.count() == 0


async def test_second_user_uses_the_registration_of_the_first(
    server: ConnectServer, fake: FakeAuthorizationServer
) -> None:
    await server.connect()
    await server.connect(BOB)
    assert len(fake.clients) == 1
    one, other = await lent(server), await lent(server, "u2")
    assert isinstance(one, Credential)
    assert isinstance(other, Credential)
    assert one.headers != other.headers


async def test_dead_registration_is_replaced_before_a_user_sees_it(
    server: ConnectServer, fake: FakeAuthorizationServer
) -> None:
    await server.connect()
    fake.clients.clear()
    await asyncio.gather(server.connect(BOB), server.connect(ALICE))
    assert len(fake.clients) == 1


async def test_sender_of_a_link_gets_nothing(server: ConnectServer) -> None:
    """Bob begins and sends his link to Alice, who consents: only her browser shows the code."""
    begun = await server.connecting.begin(BOB, ORIGIN, NAME)
    consented = await server.consent(begun)
    for guess in ("", "AAAAA-AAAAA", begun.ticket):
        with pytest.raises(InvalidInputError, match="code is wrong"):
            await server.connecting.finish(BOB, ORIGIN, NAME, begun.ticket, guess)
    with pytest.raises(NotFoundError):
        await server.connecting.finish(ALICE, ORIGIN, NAME, begun.ticket, consented.code)
    assert isinstance(await lent(server, "u2"), Missing)


async def test_guessing_the_code_ends_the_connection_and_revokes_the_grant(
    server: ConnectServer, fake: FakeAuthorizationServer
) -> None:
    begun = await server.connecting.begin(BOB, ORIGIN, NAME)
    consented = await server.consent(begun)
    for _ in range(5):
        with pytest.raises(InvalidInputError):
            await server.connecting.finish(BOB, ORIGIN, NAME, begun.ticket, "AAAAA-AAAAA")
    with pytest.raises(NotFoundError):
        await server.connecting.finish(BOB, ORIGIN, NAME, begun.ticket, consented.code)
    await server.pending.revoke_expired()
    assert len(fake.revoked) == 2


async def test_code_is_accepted_as_people_type_it_and_once(server: ConnectServer) -> None:
    begun = await server.connecting.begin(ALICE, ORIGIN, NAME)
    consented = await server.consent(begun)
    typed = f" {consented.code.lower().replace('-', ' ')} "
    await server.connecting.finish(ALICE, ORIGIN, NAME, begun.ticket, typed)
    with pytest.raises(NotFoundError):
        await server.connecting.finish(ALICE, ORIGIN, NAME, begun.ticket, consented.code)


async def test_link_opens_once(server: ConnectServer) -> None:
    begun = await server.connecting.begin(ALICE, ORIGIN, NAME)
    await server.connecting.open(begun.ticket)
    for ticket in (begun.ticket, "forged", "", "x" * 4000):
        with pytest.raises(NotFoundError, match="link is not valid"):
            await server.connecting.open(ticket)


async def test_callback_of_another_browser_is_refused_and_the_right_one_goes_on(
    server: ConnectServer,
) -> None:
    begun = await server.connecting.begin(ALICE, ORIGIN, NAME)
    parameters, cookies = await server.go(begun)
    other = await server.connecting.begin(BOB, ORIGIN, NAME)
    opened = await server.connecting.open(other.ticket)
    stolen = {opened.cookie_name: opened.cookie, **dict.fromkeys(cookies, opened.cookie)}
    for wrong in ({}, dict.fromkeys(cookies, ""), stolen):
        with pytest.raises(AuthorizationDeniedError):
            await server.connecting.callback(parameters, wrong)
    await server.connecting.callback(parameters, cookies)


async def test_callback_is_accepted_once(server: ConnectServer) -> None:
    begun = await server.connecting.begin(ALICE, ORIGIN, NAME)
    parameters, cookies = await server.go(begun)
    results = await asyncio.gather(
        *(server.connecting.callback(parameters, cookies) for _ in range(3)), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in results) == [
        "AuthorizationDeniedError",
        "AuthorizationDeniedError",
        "Consented",
    ]


async def test_swapped_state_is_refused(server: ConnectServer, fake: FakeAuthorizationServer) -> None:
    """The code of one user cannot be brought into the connection of another."""
    first, first_cookies = await server.go(await server.connecting.begin(ALICE, ORIGIN, NAME))
    second, second_cookies = await server.go(await server.connecting.begin(BOB, ORIGIN, NAME))
    with pytest.raises(AuthorizationDeniedError):
        await server.connecting.callback(first | {"state": second["state"]}, first_cookies)
    # The same browser with the code of the other: the verifier does not fit.
    with pytest.raises(GrantDeadError):
        await server.connecting.callback(second | {"code": first["code"]}, second_cookies)
    for state in ("", "forged", "x" * 4000):
        with pytest.raises(AuthorizationDeniedError):
            await server.connecting.callback(first | {"state": state}, first_cookies)


async def test_callback_before_the_link_was_opened_is_refused(
    server: ConnectServer, world: ConnectWorld
) -> None:
    begun = await server.connecting.begin(ALICE, ORIGIN, NAME)
    async with world.store.read() as work:
        (row,) = await work.pending.of(user_id="u1")
    content = world.grants.open(row.key_number, row.sealed, "u1", "m1")
    state = content.request.state  # type: ignore[union-attr]
    with pytest.raises(AuthorizationDeniedError):
        await server.connecting.callback({"state": state, "code": "c"}, {})
    assert begun.path
    assert begun.path.endswith(begun.ticket)


async def test_other_issuer_and_denial_show_nothing_of_the_callback(server: ConnectServer) -> None:
    for change, error in (
        ({"iss": "https://evil.example"}, IssuerMismatchError),
        ({"error": "access_denied", "error_description": DESCRIPTION}, AuthorizationDeniedError),
    ):
        parameters, cookies = await server.go(await server.connecting.begin(ALICE, ORIGIN, NAME))
        with pytest.raises(error) as raised:
            await server.connecting.callback(parameters | change, cookies)
        assert DESCRIPTION not in raised.value.message
        assert "evil" not in raised.value.message
        with pytest.raises(AuthorizationDeniedError):
            await server.connecting.callback(parameters, cookies)


async def test_all_ends_after_ten_minutes(server: ConnectServer, world: ConnectWorld) -> None:
    unopened = await server.connecting.begin(ALICE, ORIGIN, NAME)
    gone = await server.go(await server.connecting.begin(ALICE, ORIGIN, NAME))
    consented_begun = await server.connecting.begin(ALICE, ORIGIN, NAME)
    consented = await server.consent(consented_begun)
    world.clock.advance(600)
    with pytest.raises(NotFoundError):
        await server.connecting.open(unopened.ticket)
    with pytest.raises(AuthorizationDeniedError):
        await server.connecting.callback(*gone)
    with pytest.raises(NotFoundError):
        await server.connecting.finish(ALICE, ORIGIN, NAME, consented_begun.ticket, consented.code)


async def test_what_nobody_finishes_is_deleted_and_revoked(
    server: ConnectServer, world: ConnectWorld, fake: FakeAuthorizationServer
) -> None:
    await server.connecting.begin(ALICE, ORIGIN, NAME)
    await server.consent(await server.connecting.begin(ALICE, ORIGIN, NAME))
    fake.script("/revoke", answer(status=503))
    world.clock.advance(600)
    await server.pending.revoke_expired()
    assert fake.revoked == []
    world.clock.advance(300)
    await server.pending.revoke_expired()
    assert len(fake.revoked) == 2
    async with world.store.read() as work:
        assert await work.pending.count() == 0


async def test_number_of_begun_connections_is_bounded(server: ConnectServer, world: ConnectWorld) -> None:
    begun = []
    for _ in range(MOST_OF_A_USER + 2):
        begun.append(await server.connecting.begin(ALICE, ORIGIN, NAME))
        world.clock.advance(1)
    for over in begun[:2]:
        with pytest.raises(NotFoundError):
            await server.connecting.open(over.ticket)
    await server.connecting.open(begun[2].ticket)
    full = await world.server(most=2)
    with pytest.raises(OverloadedError):
        await full.connecting.begin(BOB, ORIGIN, NAME)


async def test_another_server_serves_each_step(server: ConnectServer, world: ConnectWorld) -> None:
    others = [await world.server() for _ in range(3)]
    begun = await server.connecting.begin(ALICE, ORIGIN, NAME)
    parameters, cookies = await others[0].go(begun)
    consented = await others[1].connecting.callback(parameters, cookies)
    await others[2].connecting.finish(ALICE, ORIGIN, NAME, begun.ticket, consented.code)
    await server.policy.refresh()
    assert isinstance(await lent(server), Credential)


async def test_finishing_too_early_or_for_an_mcp_that_has_moved_is_refused(
    server: ConnectServer, world: ConnectWorld, fake: FakeAuthorizationServer
) -> None:
    begun = await server.connecting.begin(ALICE, ORIGIN, NAME)
    with pytest.raises(ConflictError, match="not sent the browser back"):
        await server.connecting.finish(ALICE, ORIGIN, NAME, begun.ticket, "code")
    consented = await server.consent(begun)
    async with world.store.write() as work:
        await work.mcps.replace(oauth_mcp("https://elsewhere.example/mcp"))
    with pytest.raises(ConflictError, match="has changed"):
        await server.connecting.finish(ALICE, ORIGIN, NAME, begun.ticket, consented.code)


async def test_token_is_never_lent_to_an_mcp_that_has_moved(
    server: ConnectServer, world: ConnectWorld
) -> None:
    await server.connect()
    async with world.store.write() as work:
        await work.mcps.replace(oauth_mcp("https://elsewhere.example/mcp"))
    await server.policy.refresh()
    moved = await (await world.server()).lending.for_("u1", oauth_mcp("https://elsewhere.example/mcp"))
    assert isinstance(moved, Missing)
    assert moved.needs_connect


async def test_user_without_a_grant_cannot_begin_or_finish(server: ConnectServer) -> None:
    begun = await server.connecting.begin(ALICE, ORIGIN, NAME)
    consented = await server.consent(begun)
    server.rights.granted = False
    with pytest.raises(NotFoundError):
        await server.connecting.begin(ALICE, ORIGIN, NAME)
    with pytest.raises(NotFoundError):
        await server.connecting.finish(ALICE, ORIGIN, NAME, begun.ticket, consented.code)


async def test_deactivated_user_is_given_nothing_and_the_grant_is_revoked(
    server: ConnectServer, world: ConnectWorld, fake: FakeAuthorizationServer
) -> None:
    begun = await server.connecting.begin(ALICE, ORIGIN, NAME)
    consented = await server.consent(begun)
    async with world.store.write() as work:
        user = await work.users.get("u1")
        assert user
        await work.users.replace(replace(user, status=type(user.status).DEACTIVATED))
    with pytest.raises(Exception, match="inactive"):
        await server.connecting.finish(ALICE, ORIGIN, NAME, begun.ticket, consented.code)
    world.clock.advance(600)
    await server.pending.revoke_expired()
    assert fake.revoked


async def test_disconnecting_revokes_at_the_provider(
    server: ConnectServer, world: ConnectWorld, fake: FakeAuthorizationServer
) -> None:
    given = await server.connect()
    tokens = (await world.grant_of(given)).tokens
    assert await server.users.disconnect(ALICE, ORIGIN, NAME) is True
    assert fake.revoked == [tokens.refresh_token, tokens.access_token]
    assert isinstance(await lent(server), Missing)
    with pytest.raises(NotFoundError):
        await server.users.disconnect(ALICE, ORIGIN, NAME)


async def test_disconnecting_while_the_provider_is_down_revokes_later(
    server: ConnectServer, world: ConnectWorld, fake: FakeAuthorizationServer
) -> None:
    await server.connect()
    fake.script("/revoke", answer(status=500))
    assert await server.users.disconnect(ALICE, ORIGIN, NAME) is None
    assert isinstance(await lent(server), Missing)
    await server.pending.revoke_expired()
    assert len(fake.revoked) == 2


async def test_connections_tell_state_scopes_and_expiry_without_a_secret(
    server: ConnectServer, world: ConnectWorld
) -> None:
    (before,) = await server.users.connections(ALICE)
    assert (before.own.given, before.expires_at) == (None, None)
    given = await server.connect()
    (after,) = await server.users.connections(ALICE)
    assert after.own.given == given
    assert after.expires_at == world.clock.now() + timedelta(seconds=3600)
    tokens = (await world.grant_of(given)).tokens
    assert tokens.access_token not in repr(after)


async def test_device_flow_needs_no_browser_here(
    server: ConnectServer, world: ConnectWorld, fake: FakeAuthorizationServer
) -> None:
    fake.device_answers = ["authorization_pending", "slow_down"]
    begun = await server.connecting.begin(ALICE, ORIGIN, NAME, device=True)
    assert begun.device
    assert begun.path is None

    async def finish() -> object:
        return await server.connecting.finish(ALICE, ORIGIN, NAME, begun.ticket, "")

    assert isinstance(await finish(), Undecided)
    asked = len(fake.sent_to("/token"))
    assert isinstance(await finish(), Undecided)
    assert len(fake.sent_to("/token")) == asked, "not before the interval is over"
    world.clock.advance(5)
    slower = await finish()
    assert isinstance(slower, Undecided)
    assert slower.interval == 10
    world.clock.advance(10)
    await finish()
    assert isinstance(await lent(server), Credential)


async def test_denied_device_ends_the_connection(
    server: ConnectServer, fake: FakeAuthorizationServer
) -> None:
    fake.device_answers = ["access_denied"]
    begun = await server.connecting.begin(ALICE, ORIGIN, NAME, device=True)
    with pytest.raises(AuthorizationDeniedError):
        await server.connecting.finish(ALICE, ORIGIN, NAME, begun.ticket, "")
    with pytest.raises(NotFoundError):
        await server.connecting.finish(ALICE, ORIGIN, NAME, begun.ticket, "")


async def test_without_a_public_url_only_devices_connect(server: ConnectServer) -> None:
    server.connecting.description = None
    with pytest.raises(InvalidInputError, match="no public URL"):
        await server.connecting.begin(ALICE, ORIGIN, NAME)
    await server.connecting.begin(ALICE, ORIGIN, NAME, device=True)


async def test_provider_that_is_down_or_refuses_leaves_nothing_behind(
    server: ConnectServer, world: ConnectWorld, fake: FakeAuthorizationServer
) -> None:
    fake.script("/register", refuse("invalid_client_metadata"), answer(status=503))
    with pytest.raises(RegistrationRefusedError):
        await server.connecting.begin(ALICE, ORIGIN, NAME)
    with pytest.raises(AuthorizationServerUnavailableError):
        await server.connecting.begin(ALICE, ORIGIN, NAME)
    async with world.store.read() as work:
        assert await work.pending.count() == 0
        assert await work.registrations.of(mcp_id="m1") == []


async def test_key_that_begins_too_often_waits_and_sends_nothing(
    server: ConnectServer, world: ConnectWorld, fake: FakeAuthorizationServer
) -> None:
    for _ in range(MOST_BEGUN_PER_MINUTE):
        await server.connecting.begin(ALICE, ORIGIN, NAME)
    sent = len(fake.seen)
    for _ in range(3):
        with pytest.raises(RateLimitedError) as refused:
            await server.connecting.begin(ALICE, ORIGIN, NAME)
    assert len(fake.seen) == sent
    assert world.actions().count(("credential:user:begin-connect", "denied")) == 1
    await server.connecting.begin(BOB, ORIGIN, NAME)
    world.clock.advance(refused.value.retry_after)
    await server.connecting.begin(ALICE, ORIGIN, NAME)
