"""What a provider grants for a presented token: for whom, how long, how often it is asked, and what ends it."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.catalog.credential_needs import CredentialNeeds, GrantType, OAuthNeeds
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.principals import PresentedToken, SubjectToken, TokenLease
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.errors import (
    AuthorizationDeniedError,
    AuthorizationError,
    AuthorizationServerUnavailableError,
    DownstreamUnavailableError,
    GrantDeadError,
    RegistrationDeadError,
    ScopeRefusedError,
)
from ambassador_server.ports.authorization import (
    ClientDescription,
    IdentityToken,
    Registration,
    RegistrationKind,
    ServerMetadata,
    Tokens,
)
from ambassador_server.ports.credentials import Credential, Missing, MissingBecause
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.credentials.asserted_tokens import AssertedTokens
from ambassador_server.services.credentials.assertion_exchange import AssertionExchange
from ambassador_server.services.credentials.lending import CredentialLending
from tests.conformance.store_samples import issuer as sample
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.clock import START
from tests.patience import PATIENCE
from tests.server.services.credentials.world import HEADER, LendingWorld, mcp_with
from tests.server.worlds import USER, switch

ISSUER = "00000000-0000-4000-8000-000000000001"
NEEDS = OAuthNeeds(
    grant=GrantType.IDENTITY_ASSERTION,
    provider="sso",
    provider_client_id="ambassador",
    provider_client_secret="env://PROVIDER",
    issuer="https://as.example.com",
    client_id="us",
    client_secret="env://SERVER",
)
DESCRIPTION = ClientDescription(name="x", redirect_uri="http://127.0.0.1/")


def mcp_of(needs: OAuthNeeds = NEEDS, *, mcp_id: str = "m1") -> Mcp:
    options = {"url": "https://crm.example.com/mcp"}
    return replace(mcp_with(mcp_id=mcp_id), options=options, credentials=CredentialNeeds(oauth=needs))


def presented(
    text: str = "alice-1", *, issuer_id: str = ISSUER, lasts: float = 600, **more: Any
) -> PresentedToken:
    subject = SubjectToken(text, f"digest of {text}", f"subject of {text}")
    token = {"issuer_id": issuer_id, "expires_at": START + timedelta(seconds=lasts), "subject_token": subject}
    return PresentedToken(**{**token, **more})


@dataclass
class Servers:
    """A provider and an authorization server; they fail with what is next in `failures`, and wait for `gate`."""

    failures: list[Exception] = field(default_factory=list)
    gate: asyncio.Event | None = None
    is_asked: asyncio.Event = field(default_factory=asyncio.Event)
    lifetime: float = 300.0
    scopes: tuple[str, ...] = ()
    exchanges: list[IdentityToken] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    found: int = 0

    async def provider(self, issuer: str, *, private_addresses: bool) -> ServerMetadata:
        self.found += 1
        return ServerMetadata(issuer=issuer, token_endpoint=f"{issuer}/token")

    async def discover(self, url: str, needs: OAuthNeeds) -> ServerMetadata:
        self.found += 1
        return ServerMetadata(
            issuer=needs.issuer or "", token_endpoint="https://as.example.com/token", resource=url
        )

    async def register(self, server: ServerMetadata, needs: OAuthNeeds, _: ClientDescription) -> Registration:
        return Registration(
            kind=RegistrationKind.DECLARED,
            issuer=server.issuer,
            client_id=needs.client_id or "",
            client_secret=needs.client_secret,
        )

    def scopes_to_request(self, _: ServerMetadata, needs: OAuthNeeds) -> tuple[str, ...]:
        return needs.scopes

    async def identity_assertion(
        self,
        provider: ServerMetadata,
        registration: Registration,
        identity: IdentityToken,
        server: ServerMetadata,
        *,
        client_id: str,
        scopes: tuple[str, ...],
    ) -> str:
        assert (registration.client_id, registration.client_secret) == ("ambassador", "env://PROVIDER")
        assert (client_id, registration.issuer) == ("us", provider.issuer)
        self.exchanges.append(identity)
        self.is_asked.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        return f"assertion for {identity.token}"

    async def present_assertion(
        self, server: ServerMetadata, registration: Registration, assertion: str, *, scopes: tuple[str, ...]
    ) -> Tokens:
        assert (registration.client_id, registration.issuer) == ("us", server.issuer)
        return Tokens(
            access_token=f"access {len(self.exchanges)} by {assertion}",
            expires_at=None,
            scopes=self.scopes or scopes,
        )

    async def revoke(self, server: ServerMetadata, registration: Registration, tokens: Tokens) -> bool:
        self.revoked.append(tokens.access_token)
        return True


@dataclass
class Asserted:
    """The lending with the servers."""

    world: LendingWorld
    servers: Servers
    lending: CredentialLending
    log: FakeAuditLog

    async def token(self, mcp: Mcp, token: PresentedToken | None, user_id: str = "u1") -> str:
        found = await self.lending.for_(user_id, mcp, token)
        assert isinstance(found, Credential), found
        return found.headers["Authorization"].removeprefix("Bearer ")

    async def missing(self, mcp: Mcp, token: PresentedToken | None) -> MissingBecause:
        found = await self.lending.for_("u1", mcp, token)
        assert isinstance(found, Missing)
        return found.because


async def asserted(*mcps: Mcp, most_held: int = 100) -> Asserted:
    world = await LendingWorld.build(*(mcps or (mcp_of(),)), users=3)
    async with world.store.write() as work:
        await work.issuers.add(sample(issuer_id=ISSUER, name="sso", url="https://sso.example.com"))
    await world.policy.refresh()
    servers, log = Servers(), FakeAuditLog()
    client: Any = servers
    exchange = AssertionExchange(client=client, description=DESCRIPTION, monotonic=world.clock.monotonic)
    tokens = AssertedTokens(
        policy=world.policy,
        exchange=exchange,
        client=client,
        recorder=Recorder(log=log, clock=world.clock),
        clock=world.clock,
        most_held=most_held,
    )

    async def resolve(reference: str) -> str:
        raise DownstreamUnavailableError(reference)

    lending = CredentialLending(
        store=world.store,
        policy=world.policy,
        vault=world.vault,
        clock=world.clock,
        resolve=resolve,
        asserted=tokens,
        most_held=most_held,
    )
    return Asserted(world, servers, lending, log)


async def test_one_exchange_serves_all_calls_with_a_token_and_no_other_call() -> None:
    here, mcp = await asserted(), mcp_of()
    one, another = presented(), presented("alice-2")
    found = await asyncio.gather(*(here.token(mcp, one) for _ in range(50)))
    assert len({*found}) == len(here.servers.exchanges) == 1
    assert here.lending.known("u1", mcp, one) is here.lending.known("u1", mcp, one)
    assert here.lending.known("u1", mcp, another) is None
    assert here.lending.known("u1", mcp) is None
    assert here.lending.known("u2", mcp, one) is None
    assert await here.token(mcp, another) not in found
    assert [each.token for each in here.servers.exchanges] == ["alice-1", "alice-2"]
    assert here.servers.exchanges[0].subject == "subject of alice-1"
    assert here.servers.found == 2, "the servers are found once"
    first, second = (here.lending.known("u1", mcp, each) for each in (one, another))
    assert first is not None
    assert second is not None
    assert first.holder != second.holder
    assert "alice-1" not in repr(one)


@pytest.mark.parametrize(
    "token",
    [
        None,
        presented(issuer_id="00000000-0000-4000-8000-000000000002"),
        presented(subject_token=None),
        presented(lasts=0),
    ],
    ids=["key", "other issuer", "no token", "ended"],
)
async def test_without_a_token_of_the_provider_nothing_is_asked(token: PresentedToken | None) -> None:
    here = await asserted()
    assert await here.missing(mcp_of(), token) is MissingBecause.TOKEN_NOT_PRESENTED
    assert here.servers.exchanges == []
    assert here.log.events == []
    listing = await here.lending.for_listing(mcp_of())
    assert isinstance(listing, Missing), "this server itself has none"


async def test_what_is_granted_is_asked_for_again_before_it_ends_and_never_outlives_the_token() -> None:
    here, mcp, token = await asserted(), mcp_of(), presented(lasts=3700)
    first = await here.lending.for_("u1", mcp, token)
    here.world.clock.advance(3530)
    assert here.lending.known("u1", mcp, token) is first
    here.world.clock.advance(20)
    again = await here.lending.for_("u1", mcp, token)
    assert isinstance(first, Credential)
    assert isinstance(again, Credential)
    assert again.headers != first.headers
    assert again.generation == first.generation, "the connection goes on"
    here.world.clock.advance(150)
    assert here.lending.known("u1", mcp, token) is None
    assert await here.missing(mcp, token) is MissingBecause.TOKEN_NOT_PRESENTED
    assert len(here.servers.exchanges) == 2


async def test_what_is_granted_ends_when_an_issuer_calls_the_token_inactive() -> None:
    here, mcp = await asserted(), mcp_of()
    lease = TokenLease(START + timedelta(seconds=0.05))
    granted = await here.token(mcp, presented(lease=lease))
    lease.until = START + timedelta(seconds=0.1)
    await asyncio.sleep(0)
    assert here.servers.revoked == [], "the issuer has called it active once more"
    here.world.clock.advance(0.1)
    async with asyncio.timeout(PATIENCE):
        while not here.servers.revoked:  # noqa: ASYNC110 - a timer ends it
            await asyncio.sleep(0.001)
    assert here.servers.revoked == [granted]
    assert await here.missing(mcp, presented(lease=lease)) is MissingBecause.NOT_EXCHANGED


async def test_while_a_server_does_not_answer_what_is_held_is_used_until_it_ends() -> None:
    here, mcp, token = await asserted(), mcp_of(), presented(lasts=3700)
    first = await here.token(mcp, token)
    here.world.clock.advance(3545)
    here.servers.failures = [AuthorizationServerUnavailableError("down")]
    assert await here.token(mcp, token) == first
    here.world.clock.advance(6)
    assert await here.token(mcp, token) != first
    assert len(here.servers.exchanges) == 3


@pytest.mark.parametrize(
    "error",
    [GrantDeadError("x"), AuthorizationDeniedError("x"), ScopeRefusedError("x"), AuthorizationError("x")],
    ids=lambda error: type(error).__name__,
)
async def test_a_refusal_ends_what_is_held_and_is_not_repeated_at_once(error: AuthorizationError) -> None:
    here, mcp, token = await asserted(), mcp_of(), presented(lasts=3700)
    await here.token(mcp, token)
    here.world.clock.advance(3545)
    here.servers.failures = [error]
    for _ in range(3):
        assert await here.missing(mcp, token) is MissingBecause.NOT_EXCHANGED
    assert here.lending.known("u1", mcp, token) is None
    assert len(here.servers.exchanges) == 2
    here.world.clock.advance(6)
    await here.token(mcp, token)
    assert len(here.servers.revoked) == 1
    assert [event.outcome for event in here.log.events] == ["permitted"] * 2 + ["failed", "permitted"]
    assert here.log.events[2].reason == "not_exchanged"


@pytest.mark.parametrize("kind", [AuthorizationServerUnavailableError, RegistrationDeadError])
async def test_an_error_is_raised_and_not_repeated_at_once(kind: type[AuthorizationError]) -> None:
    here, mcp, token = await asserted(), mcp_of(), presented()
    here.servers.failures = [kind("it")]
    for _ in range(3):
        with pytest.raises(kind, match="it"):
            await here.lending.for_("u1", mcp, token)
    assert len(here.servers.exchanges) == 1
    await here.token(mcp, presented("alice-2"))
    here.world.clock.advance(6)
    await here.token(mcp, token)


async def test_a_refused_token_is_replaced_once_a_minute() -> None:
    here, mcp, token = await asserted(), mcp_of(), presented()
    first = await here.lending.for_("u1", mcp, token)
    assert isinstance(first, Credential)
    assert await here.lending.refused("u1", mcp, first, "Bearer", token)
    second = await here.lending.for_("u1", mcp, token)
    assert isinstance(second, Credential)
    assert second.headers != first.headers
    assert await here.lending.refused("u1", mcp, first, "Bearer", token), "the newer one was not refused"
    assert not await here.lending.refused("u1", mcp, second, "Bearer", token)
    assert len(here.servers.exchanges) == 2
    here.world.clock.advance(61)
    here.servers.failures = [GrantDeadError("x")]
    assert not await here.lending.refused("u1", mcp, second, "Bearer", token)


async def test_broader_scopes_are_refused() -> None:
    mcp = mcp_of(replace(NEEDS, scopes=("read",)))
    here = await asserted(mcp)
    here.servers.scopes = ("read", "write")
    assert await here.missing(mcp, presented()) is MissingBecause.NOT_EXCHANGED
    here.world.clock.advance(6)
    here.servers.scopes = ("read",)
    await here.token(mcp, presented())


async def end(here: Asserted, how: str) -> None:
    async with here.world.store.write() as work:
        match how:
            case "user":
                await work.users.replace(
                    replace(USER, user_id="u1", name="user-1", status=UserStatus.SUSPENDED)
                )
            case "removed issuer":
                await work.issuers.remove(ISSUER)
            case "changed issuer":
                issuer = await work.issuers.get(ISSUER)
                assert issuer is not None
                await work.issuers.replace(replace(issuer, audiences=("https://other.example.com",)))
            case "address":
                mcp = mcp_of()
                await work.mcps.replace(
                    replace(mcp, options={**mcp.options, "url": "https://moved.example.com"})
                )
            case "declaration":
                await work.mcps.replace(mcp_of(replace(NEEDS, client_id="another")))
            case "user switch":
                await work.switches.add(switch(SwitchScope.USER, "u1"))
            case "MCP switch":
                await work.switches.add(switch(SwitchScope.MCP, "m1"))
            case _:
                await work.switches.add(switch(SwitchScope.EVERYONE, None))
    await here.world.policy.refresh()


ENDS = (
    "user",
    "removed issuer",
    "changed issuer",
    "address",
    "declaration",
    "user switch",
    "MCP switch",
    "everyone",
)


@pytest.mark.parametrize("how", ENDS)
async def test_what_ends_an_access_forgets_and_revokes_it(how: str) -> None:
    other = mcp_of(mcp_id="m2")
    here, mcp, token = await asserted(mcp_of(), other), mcp_of(), presented()
    held = await here.token(mcp, token)
    kept = await here.lending.for_("u2", other, token)
    await end(here, how)
    assert here.lending.known("u1", mcp, token) is None
    assert held not in repr(here.lending.__dict__)
    await asyncio.sleep(0)
    assert held in here.servers.revoked
    is_kept = how in {"user", "address", "declaration", "user switch", "MCP switch"}
    assert (here.lending.known("u2", other, token) is kept) == is_kept


@pytest.mark.parametrize("how", ENDS)
async def test_what_ends_while_it_is_asked_for_is_not_lent(how: str) -> None:
    here, mcp, token = await asserted(), mcp_of(), presented()
    here.servers.gate = asyncio.Event()
    asking = asyncio.create_task(here.lending.for_("u1", mcp, token))
    await here.servers.is_asked.wait()
    await end(here, how)
    here.servers.gate.set()
    found = await asking
    assert isinstance(found, Missing)
    assert here.lending.known("u1", mcp, token) is None
    await asyncio.sleep(0)
    assert len(here.servers.revoked) == 1


async def test_the_oldest_is_forgotten_when_there_are_too_many() -> None:
    here, mcp = await asserted(most_held=3), mcp_of()
    tokens = [presented(f"alice-{number}") for number in range(5)]
    for token in tokens:
        await here.token(mcp, token)
    known = [here.lending.known("u1", mcp, token) is not None for token in tokens]
    assert known == [False, False, True, True, True]


async def test_values_of_the_user_stand_beside_the_token() -> None:
    mcp = replace(
        mcp_of(), credentials=CredentialNeeds(fields=(replace(HEADER, target="X-Team"),), oauth=NEEDS)
    )
    here, token = await asserted(mcp), presented()
    missing = await here.lending.for_("u1", mcp, token)
    assert missing == Missing(because=MissingBecause.NOT_GIVEN, fields=("token",))
    assert here.servers.exchanges == [], "nothing is asked for a call that is refused anyway"
    await here.world.give({"token": "t3am"})
    found = await here.lending.for_("u1", mcp, token)
    assert isinstance(found, Credential)
    assert found.headers["X-Team"] == "Bearer t3am"
    await here.world.take()
    assert here.lending.known("u1", mcp, token) is None


USERS = st.sampled_from(["u1", "u2", "u3"])
TEXTS = st.sampled_from(["a", "b", "c"])


@given(
    st.lists(
        st.tuples(st.sampled_from(["call", "call", "call", "refuse", "wait", "switch"]), USERS, TEXTS),
        max_size=30,
    )
)
def test_no_user_and_no_token_gets_what_another_was_granted(steps: list[tuple[str, str, str]]) -> None:
    asyncio.run(_take(steps))


async def _take(steps: list[tuple[str, str, str]]) -> None:
    here, mcp = await asserted(most_held=4), mcp_of()
    whose: dict[str, tuple[str, str]] = {}
    for what, user, text in steps:
        token = presented(f"{user}-{text}", lasts=100_000)
        if what == "wait":
            here.world.clock.advance(2000)
            await here.world.policy.refresh()
        elif what == "switch":
            await end(here, "user switch") if not here.world.policy.snapshot.switches else None
        elif what == "refuse":
            here.servers.failures = [GrantDeadError("x")]
        found = await here.lending.for_(user, mcp, token)
        here.servers.failures = []
        if isinstance(found, Credential):
            value = found.headers["Authorization"]
            assert whose.setdefault(value, (user, text)) == (user, text)
            assert value.endswith(f"for {user}-{text}")
