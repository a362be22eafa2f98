"""The token endpoint for hosts: exchanges their codes and refresh tokens at the provider, and keeps nothing of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ambassador_server.domain.audit.events import Actor, ActorKind, AuditAction, Outcome
from ambassador_server.domain.audit.resources import issuer_resource
from ambassador_server.domain.people.host_requests import (
    HOST_CLIENT_ID,
    HostCode,
    HostLoginFault,
    fits,
    redirect_target,
)
from ambassador_server.domain.people.login_places import LoginPlace
from ambassador_server.domain.people.principals import Origin
from ambassador_server.errors import TokenRequestError
from ambassador_server.ports.login_endpoints import LoginEndpoints
from ambassador_server.ports.provider_tokens import ProvidedTokens, ProviderTokens
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.sign_in.host_refusals import HostRefusals
from ambassador_server.services.sign_in.host_seals import HostSeals, use_of
from ambassador_server.services.sign_in.host_servers import HostServer, HostServers
from ambassador_server.services.sign_in.single_use import SingleUse

CODE_GRANT: Final = "authorization_code"
REFRESH_GRANT: Final = "refresh_token"


@dataclass(frozen=True, eq=False, kw_only=True)
class HostExchange:
    """Gives hosts the tokens of the provider, unchanged."""

    servers: HostServers
    endpoints: LoginEndpoints
    tokens: ProviderTokens
    seals: HostSeals
    uses: SingleUse
    refusals: HostRefusals
    recorder: Recorder

    async def exchange(self, name: str, form: Mapping[str, str], origin: Origin) -> ProvidedTokens:
        """Return tokens for a code, which can be used once, or for a refresh token.

        Raises TokenRequestError, NotFoundError for an issuer where hosts cannot log in, and RateLimitedError.
        """
        server = self.servers.named(name)
        self.refusals.bound(origin)
        if form.get("client_id") != HOST_CLIENT_ID or "client_secret" in form:
            raise await self._refused("invalid_client", HostLoginFault.UNKNOWN_CLIENT, server, origin)
        if form.get("resource", server.resource) != server.resource:
            raise TokenRequestError("invalid_target", "The resource is another one than this server.")
        match form.get("grant_type"):
            case "authorization_code":
                return await self._for_code(server, form, origin)
            case "refresh_token":
                return await self._for_refresh_token(server, form)
            case None:
                raise TokenRequestError("invalid_request", "The grant_type is missing.")
            case _:
                raise TokenRequestError(
                    "unsupported_grant_type", f"The grant_type must be {CODE_GRANT} or {REFRESH_GRANT}."
                )

    async def _for_code(self, server: HostServer, form: Mapping[str, str], origin: Origin) -> ProvidedTokens:
        code = self.seals.open(form.get("code", ""), HostCode, server)
        if code is None or form.get("redirect_uri") != code.visit.request.redirect_uri:
            raise await self._refused("invalid_grant", HostLoginFault.CODE_INVALID, server, origin)
        if not fits(form.get("code_verifier", ""), code.visit.request.challenge):
            raise await self._refused("invalid_grant", HostLoginFault.WRONG_VERIFIER, server, origin)
        place = await self._place(server)
        if not await self.uses.take(*use_of(code)):
            raise await self._refused("invalid_grant", HostLoginFault.USED_BEFORE, server, origin)
        found = await self._ask(
            server,
            place,
            {
                "grant_type": CODE_GRANT,
                "code": code.code,
                "redirect_uri": server.callback,
                "code_verifier": code.visit.verifier,
            },
        )
        await self.recorder.event(
            AuditAction.HOST_LOGIN_ACCEPT,
            Outcome.SUCCEEDED,
            actor=Actor(kind=ActorKind.UNKNOWN),
            resource=issuer_resource(server.issuer),
            origin=origin,
            details={"redirect": redirect_target(code.visit.request.redirect_uri)},
        )
        return found

    async def _for_refresh_token(self, server: HostServer, form: Mapping[str, str]) -> ProvidedTokens:
        token = form.get("refresh_token", "")
        if not token:
            raise TokenRequestError("invalid_request", "The refresh_token is missing.")
        wanted = form.get("scope", "").split()
        if not {*wanted} <= {*server.scopes}:
            raise TokenRequestError("invalid_scope", "Only the scopes of the metadata can be asked for.")
        narrowed = {"scope": " ".join(wanted)} if wanted else {}
        parameters = {"grant_type": REFRESH_GRANT, "refresh_token": token, **narrowed}
        return await self._ask(server, await self._place(server), parameters)

    async def _ask(
        self, server: HostServer, place: LoginPlace, parameters: Mapping[str, str]
    ) -> ProvidedTokens:
        resource = {} if server.issuer.host_omits_resource else {"resource": server.resource}
        return await self.tokens.request(server.issuer, place, {**parameters, **resource})

    async def _place(self, server: HostServer) -> LoginPlace:
        place = await self.endpoints.find(server.issuer)
        if place is None:
            raise TokenRequestError(
                "temporarily_unavailable", "The document of the provider cannot be read now."
            )
        return place

    async def _refused(
        self, code: str, fault: HostLoginFault, server: HostServer, origin: Origin
    ) -> TokenRequestError:
        await self.refusals.record(fault, server.issuer, origin)
        return TokenRequestError(code, f"The login is not accepted ({fault}).")
