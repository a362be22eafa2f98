"""A token is verified once a minute; whom it names, and whether they may, is looked at with every request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from ambassador_server.crypto.sealing import AesGcmSealer
from ambassador_server.domain.catalog.credential_needs import CredentialNeeds, GrantType, OAuthNeeds
from ambassador_server.domain.people.groups import Membership
from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.people.token_claims import TokenIdentity
from ambassador_server.domain.people.users import AuthSource, UserStatus
from ambassador_server.domain.policy.decide import PrincipalPolicy, decide
from ambassador_server.domain.policy.decision import Deny, Reason
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.errors import InsufficientScopeError, InvalidTokenError, IssuerUnavailableError
from ambassador_server.guarded_http.requests import GuardedHttp
from ambassador_server.identity.introspection import Introspector
from ambassador_server.identity.introspection_client import IntrospectionClient
from ambassador_server.identity.key_sources import KeySources
from ambassador_server.identity.verification import JwtVerifier
from ambassador_server.identity.verifier import Verifier
from ambassador_server.services.sign_in.issued_tokens import IssuedTokens
from ambassador_server.services.sign_in.known_tokens import KNOWN_SECONDS
from ambassador_server.services.sign_in.login_throttle import UnknownTokenThrottle
from ambassador_server.services.sign_in.token_accounts import TokenAccounts
from ambassador_server.services.sign_in.token_proof import TokenProver
from ambassador_server.services.sign_in.token_reading import TokenReading
from tests.conformance.store_samples import issuer as sample
from tests.fakes.issuer import AUDIENCE, IssuerServer, claims_of, issuer_server, sign
from tests.fakes.throttle import CountingThrottle
from tests.server.services.world import ORIGIN, World
from tests.server.worlds import GROUP, LOG_TOOL, MCP, USER, switch


class CountingVerifier(JwtVerifier):
    """Counts how often a signature is verified."""

    verified = 0

    async def verify(self, token: str, issuer: Issuer) -> Any:
        self.verified += 1
        return await super().verify(token, issuer)


@dataclass
class Tokens:
    """A world with a trusted issuer, and what checks its tokens."""

    world: World
    server: IssuerServer
    verifier: CountingVerifier
    prover: TokenProver

    def token(self, **changes: Any) -> str:
        return sign(claims_of(self.server.url, self.world.clock.now(), **changes))

    async def use(self, token: str) -> Principal:
        return await self.prover.authenticate(token, ORIGIN)

    async def put_issuer(self, **changes: Any) -> None:
        fields = {"url": self.server.url, "audiences": (AUDIENCE,), "private_addresses": True}
        issuer = sample(issuer_id=ISSUER, **{**fields, **changes})
        async with self.world.store.write() as work:
            before = await work.issuers.get(ISSUER)
            await (work.issuers.add(issuer) if before is None else work.issuers.replace(issuer))
        await self.world.policy.refresh()

    async def put_user(self, **changes: Any) -> None:
        async with self.world.store.write() as work:
            await work.users.replace(replace(USER, **{"source": AuthSource.EXTERNAL, **changes}))
        await self.world.policy.refresh()

    def decision(self, principal: Principal) -> Reason | None:
        decided = decide(self.world.policy.snapshot, principal, LOG_TOOL, self.world.policy.current_moment())
        return decided.reason if isinstance(decided, Deny) else None


MOST_OF_ADDRESS, MOST_OF_ISSUER = 100, 150
ISSUER = "00000000-0000-4000-8000-000000000001"


@asynccontextmanager
async def trusted_issuer() -> AsyncIterator[Tokens]:
    """Run an issuer, trust it, and know the user of its tokens."""
    world = await World.build()
    async with issuer_server() as server:
        verifier = CountingVerifier(KeySources(GuardedHttp(seconds=5)), world.clock.monotonic)
        introspector = Introspector(IntrospectionClient(GuardedHttp(seconds=5)), world.clock.monotonic)
        throttle, both = CountingThrottle(MOST_OF_ADDRESS), Verifier(verifier, introspector)
        prover = TokenProver(
            policy=world.policy,
            reading=TokenReading(policy=world.policy, verifier=both, clock=world.clock),
            issued=IssuedTokens(policy=world.policy, sealer=AesGcmSealer({1: b"x" * 32}), clock=world.clock),
            accounts=TokenAccounts(changes=world.changes, clock=world.clock),
            recorder=world.recorder,
            throttle=throttle,
            unknown=UnknownTokenThrottle(throttle, CountingThrottle(MOST_OF_ISSUER)),
            clock=world.clock,
        )
        found = Tokens(world, server, verifier, prover)
        await found.put_issuer()
        await found.put_user()
        yield found


@pytest.fixture
async def tokens() -> AsyncIterator[Tokens]:
    async with trusted_issuer() as found:
        yield found


async def refusal(tokens: Tokens, token: str) -> str:
    with pytest.raises(InvalidTokenError) as refused:
        await tokens.use(token)
    return refused.value.message


async def test_one_verification_a_minute_and_the_user_each_time(tokens: Tokens) -> None:
    token = tokens.token()
    principal = await tokens.use(token)
    assert (principal.user_id, principal.key_name, principal.session_id) == ("u1", "issuer-1", None)
    for _ in range(5):
        assert await tokens.use(token) is principal
    assert tokens.verifier.verified == 1
    tokens.world.clock.advance(KNOWN_SECONDS + 1)
    await tokens.world.policy.refresh()
    assert await tokens.use(token) == principal
    assert tokens.verifier.verified == 2
    actions = [event.action for event in tokens.world.log.events]
    assert actions.count("session:token:accept") == 1, "one use of a token, not one of each verification"
    await tokens.put_user(status=UserStatus.SUSPENDED)
    assert "user_not_active" in await refusal(tokens, token)
    assert tokens.decision(principal) is Reason.USER_NOT_ACTIVE


async def test_what_was_verified_ends_with_its_issuer_its_time_and_a_change_of_the_issuer(
    tokens: Tokens,
) -> None:
    token = tokens.token(exp=int(tokens.world.clock.now().timestamp()) + 10)
    principal = await tokens.use(token)
    await tokens.put_issuer(audiences=("another",))
    assert "foreign_audience" in await refusal(tokens, token)
    await tokens.put_issuer()
    assert await tokens.use(token) == principal
    tokens.world.clock.advance(69.9)
    await tokens.world.policy.refresh()
    assert tokens.decision(principal) is None
    tokens.world.clock.advance(0.1)
    assert "expired" in await refusal(tokens, token)
    assert tokens.decision(principal) is Reason.TOKEN_EXPIRED
    async with tokens.world.store.write() as work:
        await work.issuers.remove(ISSUER)
    await tokens.world.policy.refresh()
    assert tokens.decision(principal) is Reason.UNKNOWN_ISSUER
    assert not tokens.prover.are_accepted()


async def test_groups_of_a_token_permit_while_the_token_names_them(tokens: Tokens) -> None:
    async with tokens.world.store.write() as work:
        await work.memberships.remove(Membership(user_id="u1", group_id="g1"))
    await tokens.put_issuer(group_map={"eng": GROUP.name})
    with_group, without = await tokens.use(tokens.token()), await tokens.use(tokens.token(groups=["ops"]))
    assert tokens.decision(with_group) is None
    assert tokens.decision(without) is Reason.NO_GRANT
    assert with_group.key_id == without.key_id, "one client, whatever its tokens name"
    await tokens.put_issuer(group_map={})
    assert tokens.decision(with_group) is Reason.NO_GRANT, "the map is looked up by each decision"


async def test_a_token_is_kept_beside_its_principal_only_for_mcps_that_its_issuer_grants(
    tokens: Tokens,
) -> None:
    token = tokens.token()
    before = await tokens.use(token)
    assert before.token is not None
    assert before.token.subject_token is None
    for name, is_kept in (("issuer-2", False), ("issuer-1", True), ("issuer-2", False)):
        oauth = OAuthNeeds(grant=GrantType.IDENTITY_ASSERTION, provider=name)
        async with tokens.world.store.write() as work:
            await work.mcps.replace(replace(MCP, credentials=CredentialNeeds(oauth=oauth)))
        await tokens.world.policy.refresh()
        for _ in range(2):
            principal = await tokens.use(token)
            assert principal.token is not None
            subject = principal.token.subject_token
            assert (subject is not None) == is_kept
            assert token not in repr(principal)
            if subject is not None:
                assert (subject.text, subject.subject) == (token, "subject-1")
                assert principal == await tokens.use(token)
                assert hash(principal) == hash(await tokens.use(token))
                assert principal != await tokens.use(tokens.token(jti="another"))
            assert tokens.decision(principal) is None
    assert tokens.verifier.verified == 2, "one for each of the two tokens"
    assert await tokens.use(token) is before


async def test_a_token_of_this_server_is_never_exchanged(tokens: Tokens) -> None:
    client = "https://app.example.com"
    await tokens.put_issuer(assertion_clients={client: "env://X"})
    oauth = OAuthNeeds(grant=GrantType.IDENTITY_ASSERTION, provider="issuer-1")
    async with tokens.world.store.write() as work:
        await work.mcps.replace(replace(MCP, credentials=CredentialNeeds(oauth=oauth)))
    await tokens.world.policy.refresh()
    identity = TokenIdentity(
        issuer_id=ISSUER,
        subject="subject-1",
        user_name="alice",
        user_claim="preferred_username",
        email=None,
        client=client,
        groups=(),
        groups_unknown=False,
        expires_at=tokens.world.clock.now(),
    )
    issued = IssuedTokens(
        policy=tokens.world.policy, sealer=AesGcmSealer({1: b"x" * 32}), clock=tokens.world.clock
    )
    principal = await tokens.use(issued.issue(identity))
    assert principal.token is not None
    assert (principal.token.subject_token, principal.token.assertion_client) == (None, client)
    assert tokens.decision(principal) is None
    await tokens.put_issuer(assertion_clients={})
    assert tokens.decision(principal) is Reason.UNKNOWN_ISSUER


async def test_kill_switches_stop_users_and_the_groups_of_a_token(tokens: Tokens) -> None:
    await tokens.put_issuer(group_map={"eng": GROUP.name})
    principal = await tokens.use(tokens.token())
    for scope, target in ((SwitchScope.USER, "u1"), (SwitchScope.GROUP, "g1"), (SwitchScope.EVERYONE, None)):
        async with tokens.world.store.write() as work:
            await work.switches.add(switch(scope, target))
        await tokens.world.policy.refresh()
        assert tokens.decision(principal) is Reason.KILL_SWITCH
        async with tokens.world.store.write() as work:
            await work.switches.replace(
                replace(switch(scope, target), lifted_at=tokens.world.clock.now(), lifted_by="root")
            )
        await tokens.world.policy.refresh()
    assert tokens.decision(principal) is None


async def test_local_users_and_those_of_others_are_not_taken_over(tokens: Tokens) -> None:
    await tokens.put_user(source=AuthSource.LOCAL)
    assert "user_is_local" in await refusal(tokens, tokens.token())
    await tokens.put_user(issuer="https://other.example.com", subject="subject-1")
    assert "user_of_another" in await refusal(tokens, tokens.token())
    await tokens.put_user(issuer=tokens.server.url, subject="subject-1")
    assert (await tokens.use(tokens.token(preferred_username="renamed"))).user_name == "alice"
    assert "user_of_another" in await refusal(tokens, tokens.token(sub="subject-2"))


async def test_unknown_users_are_refused_or_created_without_a_group(tokens: Tokens) -> None:
    token = tokens.token(preferred_username="bob", sub="subject-2", email="bob@example.com")
    assert "unknown_user" in await refusal(tokens, token)
    await tokens.put_issuer(creates_users=True)
    principal = await tokens.use(token)
    snapshot = tokens.world.policy.snapshot
    user = snapshot.users[principal.user_id]
    assert (user.name, user.source, user.email, user.roles) == (
        "bob",
        AuthSource.EXTERNAL,
        "bob@example.com",
        (),
    )
    assert (user.issuer, user.subject) == (tokens.server.url, "subject-2")
    assert snapshot.group_ids_for(principal) == ()
    moment = tokens.world.policy.current_moment()
    assert PrincipalPolicy(snapshot, principal, moment).denial is None
    assert isinstance(decide(snapshot, principal, LOG_TOOL, moment), Deny)


async def test_faults_before_the_signature_are_not_told(tokens: Tokens) -> None:
    for token in ("ey", "ey.ey.ey", tokens.token() + "x", tokens.token(iss="https://evil.example.com")):
        assert await refusal(tokens, token) == "Valid access token required"


async def test_scopes_that_lack_and_keys_that_are_away_are_other_errors(tokens: Tokens) -> None:
    await tokens.put_issuer(scopes=("mcp:tools",))
    with pytest.raises(InsufficientScopeError) as refused:
        await tokens.use(tokens.token(scope="openid"))
    assert refused.value.scopes == ("mcp:tools",)
    tokens.server.status = 503
    await tokens.put_issuer(url=f"{tokens.server.url}/gone")
    with pytest.raises(IssuerUnavailableError):
        await tokens.use(tokens.token(iss=f"{tokens.server.url}/gone"))
