"""Opens the implementations of ports and the services that all other services use."""

import asyncio
from dataclasses import dataclass
from functools import partial

from ambassador_protocol.audit.public_keys import PublicKey, keys_by_id
from ambassador_server.argument_rules.json_schema import JsonSchemaRules
from ambassador_server.audit_log.anchor_check import find_losses
from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.bootstrap.clock import SystemClock
from ambassador_server.bootstrap.oauth_access import OAuthAccess
from ambassador_server.bootstrap.options import downstream_limits, log_options, program_settings, user_limits
from ambassador_server.config import ServerConfig
from ambassador_server.crypto.audit_signer import AuditSigner
from ambassador_server.crypto.key_ring import KeyRing, create_first_vault_key, load_or_create, vault_keys_in
from ambassador_server.crypto.passwords import Argon2HasherPool
from ambassador_server.crypto.vault import AesGcmVault
from ambassador_server.domain.audit.anchors import AnchorLoss
from ambassador_server.domain.secrets.shapes import mask_text
from ambassador_server.downstream.options import resolve_reference
from ambassador_server.downstream.pool import DownstreamPool
from ambassador_server.guarded_http.requests import GuardedHttp
from ambassador_server.identity.introspection import Introspector
from ambassador_server.identity.introspection_client import IntrospectionClient
from ambassador_server.identity.key_sources import KeySources
from ambassador_server.identity.login_endpoints import DiscoveredEndpoints
from ambassador_server.identity.verification import JwtVerifier
from ambassador_server.identity.verifier import Verifier
from ambassador_server.ports.store import Store
from ambassador_server.secret_stores.file import protect
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.approval_requests import ApprovalRequests
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.credentials.lending import CredentialLending
from ambassador_server.services.sign_in.ignored_headers import IgnoredHeaders
from ambassador_server.services.sign_in.refused_connections import RefusedConnections
from ambassador_server.services.sign_in.token_reading import TokenReading
from ambassador_server.storage.sql_store import open_store
from ambassador_server.throttling.failures import FailureThrottle
from ambassador_server.throttling.limit_counters import LimitCountersInMemory

_KEY_SECONDS = 5.0
"""How long an issuer may take for each of its documents and answers, while a request with its token may wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """The implementations of ports, and the services that others share: `recorder` and what follows it."""

    clock: SystemClock
    store: Store
    key_ring: KeyRing
    vault: AesGcmVault
    signer: AuditSigner
    log: JsonlAuditLog
    losses: tuple[AnchorLoss, ...]
    downstreams: DownstreamPool
    throttle: FailureThrottle
    limit_counters: LimitCountersInMemory
    password_hashers: Argon2HasherPool
    recorder: Recorder
    rules: JsonSchemaRules
    policy: PolicyKeeper
    changes: Changes
    requests: ApprovalRequests
    oauth: OAuthAccess
    lending: CredentialLending
    verifier: Verifier
    ignored: IgnoredHeaders
    refused_connections: RefusedConnections
    reading: TokenReading
    login_endpoints: DiscoveredEndpoints


async def open_foundation(config: ServerConfig, *, writer: str) -> Foundation:
    """Open the database, the keys and the audit log. Raises ConfigurationError or StorageError."""
    protect(config.own_paths)
    clock, store = SystemClock(), await open_store(config.store_url)
    try:
        key_ring = load_or_create(config.keys_dir)
        vault = await open_vault(config, store)
        signer = AuditSigner(key_ring.audit_keys)
        losses = await losses_of(config, store, signer)
        log = await JsonlAuditLog.open(
            config.audit_dir, writer, signer=signer, clock=clock, options=log_options(config)
        )
    except BaseException:
        await store.close()
        raise
    recorder, rules = Recorder(log=log, clock=clock), JsonSchemaRules()
    policy = PolicyKeeper(store=store, clock=clock, compile_check=rules.compiled)
    changes = Changes(store=store, policy=policy, recorder=recorder)
    oauth = OAuthAccess(
        config=config, store=store, vault=vault, changes=changes, recorder=recorder, clock=clock
    )
    lending = _lending(oauth, policy)
    verifier = _verifier(clock)
    return Foundation(
        clock=clock,
        store=store,
        key_ring=key_ring,
        vault=vault,
        signer=signer,
        log=log,
        losses=losses,
        downstreams=_downstreams(config, lending),
        throttle=FailureThrottle(config.limits.failed_logins),
        limit_counters=LimitCountersInMemory(monotonic=clock.monotonic, now=clock.now),
        password_hashers=Argon2HasherPool(),
        recorder=recorder,
        rules=rules,
        policy=policy,
        changes=changes,
        requests=ApprovalRequests(store=store, changes=changes, clock=clock),
        oauth=oauth,
        lending=lending,
        verifier=verifier,
        ignored=IgnoredHeaders(recorder=recorder, clock=clock),
        refused_connections=RefusedConnections(recorder=recorder, clock=clock),
        reading=TokenReading(policy=policy, verifier=verifier, clock=clock),
        login_endpoints=DiscoveredEndpoints(GuardedHttp(seconds=_KEY_SECONDS), clock.monotonic),
    )


def _lending(oauth: OAuthAccess, policy: PolicyKeeper) -> CredentialLending:
    return CredentialLending(
        store=oauth.store,
        policy=policy,
        vault=oauth.vault,
        clock=oauth.clock,
        resolve=resolve_reference,
        tokens=oauth.tokens,
        asserted=oauth.asserted(policy),
    )


def _verifier(clock: SystemClock) -> Verifier:
    http = GuardedHttp(seconds=_KEY_SECONDS)
    return Verifier(
        JwtVerifier(KeySources(http), clock.monotonic),
        Introspector(IntrospectionClient(http), clock.monotonic),
    )


def _downstreams(config: ServerConfig, lending: CredentialLending) -> DownstreamPool:
    return DownstreamPool(
        limits=downstream_limits(config),
        user_limits=user_limits(config),
        mask=mask_text,
        programs=program_settings(config),
        lender=lending,
    )


async def open_vault(config: ServerConfig, store: Store) -> AesGcmVault:
    """Open the vault, with a first master key if there is none; values of a lost key are found by its number."""
    read_keys = partial(vault_keys_in, config.keys_dir)
    if not read_keys():
        async with store.read() as work:
            used = await work.sealed.key_counts()
        create_first_vault_key(config.keys_dir, above=max(used, default=0))
    return AesGcmVault(read_keys)


async def losses_of(config: ServerConfig, store: Store, signer: AuditSigner) -> tuple[AnchorLoss, ...]:
    """Return what the logs of this server and of its command line lack of what the database knows of them."""
    async with store.read() as work:
        known = await work.anchors.all()
    anchors = [anchor for anchor in known if anchor.writer in (config.node, config.init_writer)]
    trusted = keys_by_id(PublicKey.from_base64(text) for text in signer.public_keys.values())
    return await asyncio.to_thread(find_losses, config.audit_dir, anchors, trusted)
