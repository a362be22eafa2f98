"""Connects users to MCPs by OAuth: begun and finished as the user, with the consent of the browser in between."""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from msgspec import structs

from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.oauth_records import PendingConnection
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.errors import (
    Advice,
    AuthorizationDeniedError,
    AuthorizationError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    RegistrationDeadError,
    ScopeRefusedError,
)
from ambassador_server.ports.authorization import ClientDescription, DeviceCode, OAuthClient, Tokens
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store
from ambassador_server.services.credentials.connected_users import ConnectedUsers
from ambassador_server.services.credentials.oauth_grants import (
    Begun,
    Grant,
    GrantVault,
    digest_of,
    url_of,
    user_needs,
)
from ambassador_server.services.credentials.own_credentials import OwnCredential
from ambassador_server.services.credentials.pending_connections import PendingConnections
from ambassador_server.services.credentials.registered_clients import ClientRegistrations
from ambassador_server.services.shared.database_deadline import within_deadline

CLIENT_NAME: Final = "MCP Ambassador"
NO_BROWSER: Final = ClientDescription(name=CLIENT_NAME, redirect_uri="http://127.0.0.1/")
"""This server as a client while no browser can come back to it: for devices and service accounts."""
VALID_FOR: Final = timedelta(minutes=10)
_MOST_WRONG_CODES: Final = 5
_CODE_LETTERS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_CODE_LENGTH: Final = 10
_LINK_OVER: Final = "This link is not valid any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunConnection:
    """What the user gets: the ticket, and the link to open or the code to enter at the authorization server."""

    ticket: str
    expires_at: datetime
    path: str | None = None
    device: DeviceCode | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A browser that opened a link: where to send it, and the cookie that binds it to the link."""

    location: str
    cookie_name: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Consented:
    """A user has consented: the completion code for them, and the port of their machine to send the browser to."""

    mcp_name: str
    code: str
    cookie_name: str
    return_port: int | None


@dataclass(frozen=True, slots=True)
class Undecided:
    """The person at the device has not decided yet; ask again after `interval` seconds."""

    interval: int
    expires_at: datetime


class Connecting:
    """The use cases of users for their access by OAuth.

    `description` is None without a public URL; then only the device flow is possible.
    """

    def __init__(
        self,
        *,
        store: Store,
        pending: PendingConnections,
        registrations: ClientRegistrations,
        users: ConnectedUsers,
        vault: GrantVault,
        client: OAuthClient,
        clock: Clock,
        description: ClientDescription | None,
    ) -> None:
        self._store = store
        self._pending = pending
        self._registrations = registrations
        self._users = users
        self._vault = vault
        self._client = client
        self._clock = clock
        self.description = description

    def document(self) -> bytes:
        """Return the document that describes this server as a client; raises NotFoundError without one."""
        if self.description is None or self.description.document_url is None:
            raise NotFoundError("This server has no address for which authorization servers could read that")
        return self._client.client_document(self.description)

    async def begin(
        self,
        principal: Principal,
        origin: Origin,
        mcp_name: str,
        *,
        device: bool = False,
        return_port: int | None = None,
    ) -> BegunConnection:
        """Begin to connect the user; raises AuthorizationError if the authorization server cannot be used.

        Registration and discovery happen here, so that only an authenticated user makes this server send requests.
        """
        mcp = await self._users.may_begin(principal, origin, mcp_name, device=device)
        needs, description = user_needs(mcp), self._described(device=device)
        server = await self._client.discover(url_of(mcp), needs)
        registration = await self._registrations.at(server, mcp, needs, description)
        earlier = await self._users.requested_scopes(principal.user_id, mcp, server.issuer)
        scopes = self._client.scopes_to_request(server, needs, requested=earlier)
        begun = Begun(url=url_of(mcp), server=server, registration=registration, return_port=return_port)
        if device:
            code = await self._client.start_device(server, registration, scopes=scopes)
            begun = structs.replace(begun, device=code)
        else:
            request = self._client.authorize(server, registration, scopes=scopes)
            begun = structs.replace(begun, request=request)
        ticket = secrets.token_urlsafe(32)
        expires_at = self._clock.now() + VALID_FOR
        if begun.device is not None:
            expires_at = min(expires_at, begun.device.expires_at)
        await self._pending.add(self._row(ticket, principal.user_id, mcp, begun, expires_at))
        path = None if device else f"/connect/{ticket}"
        return BegunConnection(ticket=ticket, expires_at=expires_at, path=path, device=begun.device)

    @within_deadline
    async def open(self, ticket: str) -> Opened:
        """Bind a link to the browser that opens it, once; raises NotFoundError for any other link."""
        cookie, pending_id = secrets.token_urlsafe(32), digest_of(ticket)
        async with self._store.read() as work:
            # A stranger with a forged link must not make writers wait.
            if await self._pending.live(work, pending_id) is None:
                raise NotFoundError(_LINK_OVER)
        async with self._store.write() as work:
            row = await self._pending.live(work, pending_id)
            if row is None or row.cookie_digest is not None or row.state_digest is None:
                raise NotFoundError(_LINK_OVER)
            begun = self._begun(row)
            if begun.request is None:
                raise NotFoundError(_LINK_OVER)
            await work.pending.replace(replace(row, cookie_digest=digest_of(cookie)))
        return Opened(begun.request.url, cookie_name(row), cookie)

    async def callback(self, parameters: Mapping[str, str], cookies: Mapping[str, str]) -> Consented:
        """Take the answer of the authorization server from the browser that was sent there, once.

        Raises AuthorizationDeniedError without telling more for a state or a browser that does not belong to it.
        """
        row = await self._take(parameters.get("state", ""), cookies)
        begun, mcp = self._begun(row), await self._mcp(row)
        if begun.request is None:
            raise AuthorizationDeniedError(_LINK_OVER)
        try:
            tokens = await self._client.finish(begun.server, begun.registration, begun.request, parameters)
        except AuthorizationError as error:
            await self._pending.remove(row.pending_id)
            if isinstance(error, RegistrationDeadError | ScopeRefusedError):
                await self._registrations.forget(mcp, begun.registration)
            raise
        code = "".join(secrets.choice(_CODE_LETTERS) for _ in range(_CODE_LENGTH))
        grant = self._grant(begun, tokens, begun.request.scopes)
        await self._pending.store_grant(row, grant, code_digest=_code_digest(row, code))
        return Consented(mcp.name, f"{code[:5]}-{code[5:]}", cookie_name(row), begun.return_port)

    async def finish(
        self, principal: Principal, origin: Origin, mcp_name: str, ticket: str, code: str
    ) -> OwnCredential | Undecided:
        """Make what was consented to the credential of the user who began; or ask about a device.

        Only the browser of the person who consented shows the code, so a link that was sent to another person gives the
        sender nothing. Returns Undecided while the person has not decided.
        """
        mcp = await self._users.allowed(principal, origin, mcp_name)
        row = await self._checked(principal, mcp, ticket, code)
        content = self._vault.open(row.key_number, row.sealed, row.user_id, row.mcp_id)
        if isinstance(content, Begun):
            answer = await self._ask_device(row, content)
            if isinstance(answer, DeviceCode):
                return Undecided(answer.interval, answer.expires_at)
            content = answer
            # If its user may not have it any more, it is revoked at its provider.
            await self._pending.store_grant(row, content, code_digest=None)
        return await self._users.connect(principal, origin, mcp, content, row.pending_id)

    def _described(self, *, device: bool) -> ClientDescription:
        if self.description is not None:
            return self.description
        if device:
            return NO_BROWSER
        raise InvalidInputError(
            "This server has no public URL, without which no browser can come back to it",
            advice=Advice.SET_PUBLIC_URL,
        )

    @within_deadline
    async def _take(self, state: str, cookies: Mapping[str, str]) -> PendingConnection:
        """Return the connection of a callback, and accept no other callback for it."""
        async with self._store.read() as work:
            self._check_browser(await work.pending.by_state(digest_of(state)), cookies)
        async with self._store.write() as work:
            row = self._check_browser(await work.pending.by_state(digest_of(state)), cookies)
            await work.pending.replace(replace(row, state_digest=None))
        return row

    def _check_browser(self, row: PendingConnection | None, cookies: Mapping[str, str]) -> PendingConnection:
        """Return the connection of a state if the browser that comes back has opened its link."""
        if row is None or row.expires_at <= self._clock.now() or row.cookie_digest is None:
            raise AuthorizationDeniedError(_LINK_OVER)
        cookie = cookies.get(cookie_name(row), "")
        if not hmac.compare_digest(digest_of(cookie), row.cookie_digest):
            raise AuthorizationDeniedError("Another browser has opened the link")
        return row

    @within_deadline
    async def _checked(self, principal: Principal, mcp: Mcp, ticket: str, code: str) -> PendingConnection:
        """Return what the user has begun, if the code is right; a wrong one is counted."""
        async with self._store.write() as work:
            row = await self._pending.live(work, digest_of(ticket))
            if row is None or (row.user_id, row.mcp_id) != (principal.user_id, mcp.mcp_id):
                raise NotFoundError(
                    "You have not begun to connect, or too long ago",
                    advice=Advice.CONNECT_AGAIN,
                    mcp=mcp.name,
                )
            if row.code_digest is None:
                if isinstance(self._vault.open(row.key_number, row.sealed, row.user_id, row.mcp_id), Grant):
                    raise NotFoundError(_LINK_OVER)
                if self._begun(row).device is None:
                    raise ConflictError(
                        "The authorization server has not sent the browser back yet",
                        advice=Advice.CONNECT_AGAIN,
                        mcp=mcp.name,
                    )
                return row
            if hmac.compare_digest(_code_digest(row, code), row.code_digest):
                return row
            wrong = row.wrong_codes + 1
            over = wrong >= _MOST_WRONG_CODES
            await work.pending.replace(
                replace(
                    row,
                    wrong_codes=wrong,
                    code_digest=None if over else row.code_digest,
                    expires_at=self._clock.now() if over else row.expires_at,
                )
            )
        raise InvalidInputError("The completion code is wrong")

    async def _ask_device(self, row: PendingConnection, begun: Begun) -> Grant | DeviceCode:
        """Ask the authorization server, not more often than it wants."""
        device, now = begun.device, self._clock.now()
        if device is None:
            raise ConflictError("The authorization server has not sent the browser back yet")
        if begun.asked_at is not None and now < begun.asked_at + timedelta(seconds=device.interval):
            return device
        try:
            answer = await self._client.poll_device(begun.server, begun.registration, device)
        except AuthorizationDeniedError:
            await self._pending.remove(row.pending_id)
            raise
        if isinstance(answer, DeviceCode):
            await self._pending.store_begun(row, structs.replace(begun, device=answer, asked_at=now))
            return answer
        return self._grant(begun, answer, device.scopes)

    def _grant(self, begun: Begun, tokens: Tokens, requested: tuple[str, ...]) -> Grant:
        return Grant(
            url=begun.url,
            server=begun.server,
            registration=begun.registration,
            tokens=tokens,
            obtained_at=self._clock.now(),
            requested=requested,
        )

    def _begun(self, row: PendingConnection) -> Begun:
        content = self._vault.open(row.key_number, row.sealed, row.user_id, row.mcp_id)
        if not isinstance(content, Begun):
            raise NotFoundError(_LINK_OVER)
        return content

    @within_deadline
    async def _mcp(self, row: PendingConnection) -> Mcp:
        async with self._store.read() as work:
            mcp = await work.mcps.get(row.mcp_id)
        if mcp is None:
            raise NotFoundError(_LINK_OVER)
        return mcp

    def _row(
        self, ticket: str, user_id: str, mcp: Mcp, begun: Begun, expires_at: datetime
    ) -> PendingConnection:
        sealed = self._vault.seal(begun, user_id, mcp.mcp_id)
        return PendingConnection(
            pending_id=digest_of(ticket),
            user_id=user_id,
            mcp_id=mcp.mcp_id,
            key_number=sealed.key_number,
            sealed=sealed.content,
            created_at=self._clock.now(),
            expires_at=expires_at,
            state_digest=None if begun.request is None else digest_of(begun.request.state),
        )


def cookie_name(row: PendingConnection) -> str:
    """Return the name of the cookie of one link, so that two links in one browser do not disturb each other."""
    return f"ambassador-connect-{row.pending_id[:16]}"


def _code_digest(row: PendingConnection, code: str) -> str:
    letters = "".join(letter for letter in code.upper() if letter in _CODE_LETTERS)
    return digest_of(f"{row.pending_id} {letters}")
