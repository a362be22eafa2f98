"""Users, MCPs with declared fields, a vault and the lending over a store in memory."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Self

from ambassador_server.crypto.vault import AesGcmVault
from ambassador_server.domain.catalog.credential_needs import CredentialField, CredentialNeeds, Place
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.credentials import CredentialStatus, StoredSecret, UserCredential
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.ports.store import UnitOfWork
from ambassador_server.ports.vault import SecretPlace, Vault
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.credentials.access_tokens import TokenSource
from ambassador_server.services.credentials.bound_values import bound
from ambassador_server.services.credentials.lending import MOST_HELD, CredentialLending
from tests.fakes.clock import START, ManualClock
from tests.fakes.store import InMemoryStore
from tests.server.worlds import MCP, USER

HEADER = CredentialField(name="token", place=Place.HEADER, target="Authorization", template="Bearer {}")
ENVIRONMENT = CredentialField(name="key", place=Place.ENVIRONMENT, target="API_KEY")


def mcp_with(*fields: CredentialField, mcp_id: str = "m1") -> Mcp:
    return replace(
        MCP, mcp_id=mcp_id, name=f"mcp-{mcp_id}", credentials=CredentialNeeds(fields=tuple(fields))
    )


class CountingStore(InMemoryStore):
    """Counts the transactions that read."""

    reads = 0

    def read(self) -> AbstractAsyncContextManager[UnitOfWork]:
        self.reads += 1
        return super().read()


@dataclass(kw_only=True)
class LendingWorld:
    """What a test looks at and changes; `secrets` are what references name."""

    clock: ManualClock
    store: CountingStore
    policy: PolicyKeeper
    vault: Vault
    keys: dict[int, bytes]
    secrets: dict[str, str]
    lending: CredentialLending

    @classmethod
    async def build(
        cls,
        *mcps: Mcp,
        users: int = 1,
        tokens: TokenSource | None = None,
        most_held: int = MOST_HELD,
    ) -> Self:
        clock, store, secrets = ManualClock(), CountingStore(), dict[str, str]()
        async with store.write() as work:
            for number in range(1, users + 1):
                await work.users.add(replace(USER, user_id=f"u{number}", name=f"user-{number}"))
            for mcp in mcps:
                await work.mcps.add(mcp)
        policy = PolicyKeeper(store=store, clock=clock)
        await policy.refresh()
        keys = {1: b"k" * 32}
        vault = AesGcmVault(lambda: keys)

        async def resolve(reference: str) -> str:
            if reference not in secrets:
                raise DownstreamUnavailableError(f"{reference} is not set")
            return secrets[reference]

        return cls(
            clock=clock,
            store=store,
            policy=policy,
            vault=vault,
            keys=keys,
            secrets=secrets,
            lending=CredentialLending(
                store=store,
                policy=policy,
                vault=vault,
                clock=clock,
                resolve=resolve,
                tokens=tokens,
                most_held=most_held,
            ),
        )

    async def give(
        self,
        values: Mapping[str, str],
        *,
        user_id: str = "u1",
        mcp_id: str = "m1",
        generation: str = "g1",
        status: CredentialStatus = CredentialStatus.ACTIVE,
    ) -> None:
        """Store the values, in the place of earlier ones, as any server would."""
        credential = UserCredential(
            credential_id=f"{user_id}-{mcp_id}",
            user_id=user_id,
            mcp_id=mcp_id,
            fields=tuple(values),
            generation=generation,
            status=status,
            created_at=START,
            updated_at=START,
        )
        async with self.store.write() as work:
            if await work.credentials.get(credential.credential_id) is None:
                await work.credentials.add(credential)
            else:
                await work.credentials.replace(credential)
            mcp = await work.mcps.get(mcp_id)
            fields = {} if mcp is None else {field.name: field for field in mcp.credentials.fields}
            for field, value in values.items():
                known = await work.secrets.get(credential.credential_id, field)
                text = bound(mcp, fields[field], value) if mcp is not None and field in fields else value
                sealed = self.vault.seal(text.encode(), SecretPlace(user_id, mcp_id, field))
                await work.secrets.put(
                    StoredSecret(
                        credential_id=credential.credential_id,
                        field=field,
                        key_number=sealed.key_number,
                        sealed=sealed.content,
                        version=1 if known is None else known.version + 1,
                    )
                )
        await self.policy.refresh()

    async def take(self, *, user_id: str = "u1", mcp_id: str = "m1") -> None:
        """Remove the credential."""
        async with self.store.write() as work:
            await work.credentials.remove(f"{user_id}-{mcp_id}")
        await self.policy.refresh()
