"""Lends the credentials of users, and those that all users share, to calls."""

import logging
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import msgspec
from msgspec import Struct

from ambassador_server.domain.catalog.credential_needs import CredentialField, CredentialNeeds
from ambassador_server.domain.catalog.credential_values import check_value
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.credentials import (
    CredentialStatus,
    StoredSecret,
    UserCredential,
    state_of,
)
from ambassador_server.domain.people.principals import PresentedToken
from ambassador_server.domain.policy.snapshot import Snapshot
from ambassador_server.errors import InvalidInputError, VaultError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.credentials import Credential, Missing, MissingBecause
from ambassador_server.ports.references import ResolveReference
from ambassador_server.ports.store import Store
from ambassador_server.ports.vault import Sealed, Vault
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.credentials.access_tokens import (
    AccessToken,
    AssertedTokenSource,
    Hold,
    TokenSource,
)
from ambassador_server.services.credentials.bound_values import unbound
from ambassador_server.services.credentials.completeness import lacking
from ambassador_server.services.credentials.shared_values import (
    SharedValueReader,
    SharedValues,
)
from ambassador_server.services.credentials.stored_credentials import place_of
from ambassador_server.services.shared.database_deadline import within_deadline
from ambassador_server.services.shared.filled_credentials import fill, with_token
from ambassador_server.services.shared.joined_reads import JoinedReads

MOST_HELD: Final = 4096
"""So many decrypted credentials are in memory at most."""

_NOTHING_GIVEN: Final = "none"
"""The generation of a user who has given nothing for an MCP that demands nothing of them."""

_log = logging.getLogger(__name__)


class _Lent(Struct, kw_only=True):
    """A credential, with what it was made of; it is lent while that is so, and until `until`.

    `options` say where it goes: what a user has given for one address is not lent for another one. `given` is what the
    user has given by the policy of this `version`, or -1 if that was not compared yet.
    """

    needs: CredentialNeeds
    options: Mapping[str, Any]
    given: tuple[str, CredentialStatus] | None
    credential: Credential
    until: float
    hold: Hold | None = None
    version: int = -1


class _Own(Struct, frozen=True, kw_only=True):
    """What a user has given, with the values by field."""

    given: UserCredential | None
    generation: str = _NOTHING_GIVEN
    values: Mapping[str, str] = msgspec.field(default_factory=dict)


_Key = tuple[str, str]
_LentKey = tuple[str, str, str]
"""The user, the MCP, and the presented token if it matters."""
_ReadKey = tuple[str, str, str, tuple[str, CredentialStatus] | None, CredentialNeeds, int]


class CredentialLending:
    """Implements `ports.credentials.CredentialLender`.

    Without `tokens` no MCP can be accessed by OAuth, and without `asserted` none by tokens that requests present.
    """

    def __init__(
        self,
        *,
        store: Store,
        policy: PolicyKeeper,
        vault: Vault,
        clock: Clock,
        resolve: ResolveReference,
        tokens: TokenSource | None = None,
        asserted: AssertedTokenSource | None = None,
        most_held: int = MOST_HELD,
    ) -> None:
        self._store = store
        self._policy = policy
        self._vault = vault
        self._clock = clock
        self._tokens = tokens
        self._asserted = asserted
        self._most_held = most_held
        self._shared = SharedValueReader(resolve, clock)
        self._lent: OrderedDict[_LentKey, _Lent] = OrderedDict()
        self._reads: JoinedReads[_ReadKey, Credential | Missing] = JoinedReads()
        self._credentials: Mapping[_Key, UserCredential] = {}
        self._logged: set[tuple[str, str, str]] = set()
        policy.subscribe(self._forget_removed)

    def known(self, user_id: str, mcp: Mcp, token: PresentedToken | None = None) -> Credential | None:
        """Return the credential of a user for an MCP, if it is in memory and valid."""
        needs, snapshot = mcp.credentials, self._policy.snapshot
        key = (user_id, mcp.mcp_id, "" if needs.provider is None else _holder(token))
        lent = self._lent.get(key)
        if lent is None or (lent.hold is not None and lent.hold.is_over):
            return None
        if lent.version != snapshot.version:
            if lent.given != state_of(snapshot.credentials.get(key[:2])):
                return None
            lent.version = snapshot.version
        if (
            (lent.needs is needs or lent.needs == needs)
            and (lent.options is mcp.options or lent.options == mcp.options)
            and self._clock.monotonic() < lent.until
        ):
            self._lent.move_to_end(key)
            return lent.credential
        return None

    async def for_(self, user_id: str, mcp: Mcp, token: PresentedToken | None = None) -> Credential | Missing:
        """Return the credential of a user for an MCP that needs one."""
        known = self.known(user_id, mcp, token)
        if known is not None:
            return known
        needs = mcp.credentials
        holder = "" if needs.provider is None else _holder(token)
        given = state_of(self._policy.snapshot.credentials.get((user_id, mcp.mcp_id)))
        read = partial(self._borrow, user_id, mcp, token)
        # The options stay in memory as long as the read runs, so that their identity is that of no others.
        return await self._reads.run((user_id, mcp.mcp_id, holder, given, needs, id(mcp.options)), read)

    async def for_listing(self, mcp: Mcp) -> Credential | Missing:
        """Return the credential with which this server itself lists what an MCP offers."""
        needs = mcp.credentials
        references = {
            field: reference
            for field in needs.fields
            if (reference := field.reference or field.listing_reference) is not None
        }
        lacking = tuple(field.name for field in needs.fields if field.required and field not in references)
        if lacking or needs.has_token_per_user:
            return Missing(
                because=MissingBecause.NOT_GIVEN, fields=lacking, needs_connect=needs.needs_connect
            )
        # Users of a shared program must find the values that it was started with.
        key = _listing(mcp) if needs.is_per_user else mcp.mcp_id
        shared = await self._shared.read(key, references)
        if isinstance(shared, Missing):
            return shared
        token = await self._token(mcp, None)
        if isinstance(token, Missing):
            return token
        return _credential(needs, shared.values, _generation(_NOTHING_GIVEN, shared, token), token)

    async def refused(
        self,
        user_id: str,
        mcp: Mcp,
        used: Credential,
        challenge: str,
        token: PresentedToken | None = None,
    ) -> bool:
        """Take into account that an MCP has refused a credential; return whether another one can be lent now."""
        needs = mcp.credentials
        holder = "" if needs.provider is None else _holder(token)
        lent = self._lent.pop((user_id, mcp.mcp_id, holder), None)
        self._shared.expire(mcp.mcp_id)
        self._shared.expire(_listing(mcp))
        sent = used.headers.get("Authorization", "").removeprefix("Bearer ")
        if needs.provider is not None and self._asserted is not None:
            is_newest = lent is None or lent.credential == used
            return not is_newest or await self._asserted.refused(mcp, user_id, token, sent)
        if needs.oauth is not None and self._tokens is not None:
            is_newest = lent is None or lent.credential == used
            given = self._policy.snapshot.credentials.get((user_id, mcp.mcp_id))
            return not is_newest or await self._tokens.refused(mcp, given, sent, challenge)
        again = await self.for_(user_id, mcp, token)
        return isinstance(again, Credential) and again != used

    async def _borrow(self, user_id: str, mcp: Mcp, presented: PresentedToken | None) -> Credential | Missing:
        """Put the credential together, and keep it."""
        needs, key = mcp.credentials, (user_id, mcp.mcp_id)
        own = await self._own(self._policy.snapshot.credentials.get(key), mcp)
        if isinstance(own, Missing):
            return own
        references = {field: field.reference for field in needs.fields if field.reference is not None}
        shared = await self._shared.read(mcp.mcp_id, references)
        if isinstance(shared, Missing):
            return shared
        if needs.provider is None:
            token = await self._token(mcp, own.given if needs.needs_connect else None)
        else:
            token = await self._asserted_token(mcp, user_id, presented)
        if isinstance(token, Missing):
            return token
        generation = _generation(own.generation, shared, token)
        credential = _credential(needs, {**own.values, **shared.values}, generation, token)
        lent = _Lent(
            needs=needs,
            options=mcp.options,
            given=state_of(own.given),
            credential=credential,
            until=min(shared.until, self._end_of(token)),
            hold=None if token is None else token.hold,
        )
        lent_key = (*key, credential.holder)
        self._lent[lent_key] = lent
        self._lent.move_to_end(lent_key)
        while len(self._lent) > self._most_held:
            self._lent.popitem(last=False)
        return credential

    async def _own(self, known: UserCredential | None, mcp: Mcp) -> _Own | Missing:
        """Return what the user has given, as it is in the database now."""
        needs = mcp.credentials
        if not needs.is_per_user:
            return _Own(given=known)
        missing = lacking(needs, known)
        if missing is not None or known is None:
            return missing or _Own(given=None)
        given, stored = await self._read_stored(known.credential_id)
        missing = lacking(needs, given)
        if missing is not None or given is None:
            return missing or _Own(given=None)
        values = self._open(mcp, given, stored)
        if isinstance(values, Missing):
            return values
        return _Own(given=given, generation=given.generation, values=values)

    def _end_of(self, token: AccessToken | None) -> float:
        """Return when to ask for the token again, on the monotonic clock."""
        if token is None or token.ask_again_at is None:
            return float("inf")
        return self._clock.monotonic() + (token.ask_again_at - self._clock.now()).total_seconds()

    async def _token(self, mcp: Mcp, given: UserCredential | None) -> AccessToken | Missing | None:
        if mcp.credentials.oauth is None:
            return None
        if self._tokens is None:
            return Missing(because=MissingBecause.NOT_GIVEN, needs_connect=mcp.credentials.needs_connect)
        return await self._tokens.token_for(mcp, given)

    async def _asserted_token(
        self, mcp: Mcp, user_id: str, presented: PresentedToken | None
    ) -> AccessToken | Missing:
        if self._asserted is None:
            return Missing(because=MissingBecause.TOKEN_NOT_PRESENTED)
        return await self._asserted.token_for(mcp, user_id, presented)

    @within_deadline
    async def _read_stored(
        self, credential_id: str
    ) -> tuple[UserCredential | None, Mapping[str, StoredSecret]]:
        """Return the state and the values as they are now; the snapshot can be older than the values."""
        async with self._store.read() as work:
            given = await work.credentials.get(credential_id)
            stored = await work.secrets.of(credential_id)
        return given, {secret.field: secret for secret in stored}

    def _open(
        self, mcp: Mcp, given: UserCredential, stored: Mapping[str, StoredSecret]
    ) -> dict[str, str] | Missing:
        """Return the values that the user has given for the fields of the MCP."""
        values: dict[str, str] = {}
        unusable: list[str] = []
        for field in mcp.credentials.user_fields:
            secret = stored.get(field.name)
            if secret is None:
                if field.name in given.fields:
                    return self._unopened(given, field, "its row is missing")
                continue
            sealed = Sealed(secret.key_number, secret.sealed)
            try:
                text = self._vault.open(sealed, place_of(given, field.name)).decode()
                value = _usable(mcp, field, text)
            except VaultError as error:
                return self._unopened(given, field, error.message)
            except UnicodeDecodeError:  # its text has a byte of the value
                return self._unopened(given, field, "it is not text")
            if value is None:
                unusable.append(field.name)
            else:
                values[field.name] = value
        if unusable:
            return Missing(because=MissingBecause.NOT_GIVEN, fields=tuple(unusable))
        return values

    def _unopened(self, given: UserCredential, field: CredentialField, reason: str) -> Missing:
        fault = (given.credential_id, field.name, reason)
        if fault not in self._logged:
            # Each call finds it again, which is no reason to fill the log.
            if len(self._logged) >= self._most_held:
                self._logged.clear()
            self._logged.add(fault)
            _log.error(
                "field %s of credential %s cannot be opened: %s", field.name, given.credential_id, reason
            )
        return Missing(because=MissingBecause.CANNOT_BE_OPENED, fields=(field.name,))

    def _forget_removed(self, snapshot: Snapshot) -> None:
        """Keep no value in memory that a user has removed or replaced."""
        over = [key for key, lent in self._lent.items() if lent.hold is not None and lent.hold.is_over]
        if snapshot.credentials is not self._credentials:
            self._credentials = snapshot.credentials
            over += [
                key
                for key, lent in self._lent.items()
                if lent.given != state_of(snapshot.credentials.get(key[:2]))
            ]
        for key in over:
            self._lent.pop(key, None)
        mcps = snapshot.mcps
        self._shared.keep_only(frozenset((*mcps, *(_listing(mcp) for mcp in mcps.values()))))


def _usable(mcp: Mcp, field: CredentialField, sealed: str) -> str | None:
    """Return the value if the MCP wants it where it was given for; raises VaultDamagedError."""
    value = unbound(mcp, field, sealed)
    if value is None:
        return None
    try:
        check_value(field, value)
    except InvalidInputError:  # the template has changed since
        return None
    return value


def _holder(token: PresentedToken | None) -> str:
    return "" if token is None or token.subject_token is None else token.subject_token.digest


def _listing(mcp: Mcp) -> str:
    return f"{mcp.mcp_id} for listing"


def _generation(first: str, shared: SharedValues, token: AccessToken | None) -> str:
    parts = (first, shared.generation, "" if token is None else token.generation)
    return ".".join(part for part in parts if part)


def _credential(
    needs: CredentialNeeds, values: Mapping[str, str], generation: str, token: AccessToken | None
) -> Credential:
    filled = fill(needs, values, generation)
    return filled if token is None else with_token(filled, token.value, holder=token.holder)
