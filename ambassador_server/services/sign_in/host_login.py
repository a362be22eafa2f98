"""Logs people in for hosts that have no client at the provider: the steps in the browser.

No page of the provider is shown before a person has said which application gets access. Nothing is stored but that a
state was used: what a later step needs is sealed in what the browser carries, and bound to a cookie of it.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from msgspec import structs

from ambassador_server.domain.people.host_requests import (
    HOST_CLIENT_ID,
    LONGEST_STATE,
    HostCode,
    HostLoginFault,
    HostRequest,
    Visit,
    challenge_of,
    is_challenge,
    is_redirect,
    with_parameters,
)
from ambassador_server.domain.people.issuers import OPENID
from ambassador_server.domain.people.login_places import LoginPlace
from ambassador_server.domain.people.principals import Origin
from ambassador_server.errors import AuthorizationDeniedError, InvalidInputError, TokenRequestError
from ambassador_server.ports.login_endpoints import LoginEndpoints
from ambassador_server.services.sign_in.host_refusals import HostRefusals
from ambassador_server.services.sign_in.host_seals import (
    CODE_VALID_FOR,
    VALID_FOR,
    HostSeals,
    digest_of,
    is_browser,
    use_of,
)
from ambassador_server.services.sign_in.host_servers import HostServer, HostServers
from ambassador_server.services.sign_in.single_use import SingleUse

_OFFLINE: Final = "offline_access"
_MOST_REDIRECTS: Final = 20
_COOKIE: Final = "ambassador-host-login-"
_COOKIES: Final = 16
"""How many a browser gets at most: so many that two pages of one browser rarely share one, which they then do."""
_COOKIE_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")
_LONGEST_CODE: Final = 4_096
_PASSED_ON: Final = frozenset(
    {
        "access_denied",
        "consent_required",
        "interaction_required",
        "invalid_scope",
        "invalid_target",
        "login_required",
        "temporarily_unavailable",
    }
)
"""The errors of a provider that a host is told; all others are `server_error` to it."""
_UNKNOWN: Final = HostLoginFault.UNKNOWN_CLIENT, "The application is not registered here; it has to register."
_FOREIGN: Final = (
    HostLoginFault.FOREIGN_REDIRECT,
    "Nobody is sent back to that address. An administrator can list it for the issuer (host_redirects).",
)
_OVER: Final = (
    HostLoginFault.STATE_INVALID,
    "This login is not valid any more. Begin again in your application.",
)
_USED: Final = HostLoginFault.USED_BEFORE, _OVER[1]
_OTHER: Final = (
    HostLoginFault.OTHER_BROWSER,
    "The login did not begin in this browser. Begin again in your application.",
)
_MIXED_UP: Final = (
    HostLoginFault.FOREIGN_ISSUER,
    "The answer is not of the provider that you were sent to. Begin again in your application.",
)


class Consent(NamedTuple):
    """What a person decides: whether the application at `redirect_uri` may act for them; and the cookie to set."""

    issuer: str
    redirect_uri: str
    scopes: Sequence[str]
    sealed: str
    cookie: tuple[str, str]


@dataclass(frozen=True, eq=False, kw_only=True)
class HostLogin:
    """The use cases of hosts without a client of their own, up to the code that they exchange."""

    servers: HostServers
    endpoints: LoginEndpoints
    seals: HostSeals
    uses: SingleUse
    refusals: HostRefusals

    async def register(self, name: str, redirects: Sequence[str], origin: Origin) -> HostServer:
        """Return the server at which a host is the public client of all hosts; nothing of it is stored.

        Raises TokenRequestError for redirects that are not allowed, NotFoundError, and RateLimitedError.
        """
        server = self.servers.named(name)
        self.refusals.bound(origin)
        if not 0 < len(redirects) <= _MOST_REDIRECTS:
            raise TokenRequestError(
                "invalid_redirect_uri", f"There are 1 to {_MOST_REDIRECTS} redirect URIs."
            )
        for uri in redirects:
            if not is_redirect(uri, server.issuer.host_redirects):
                await self.refusals.record(_FOREIGN[0], server.issuer, origin, uri)
                raise TokenRequestError("invalid_redirect_uri", f"{uri[:200]!r}: {_FOREIGN[1]}")
        return server

    async def begin(
        self, name: str, parameters: Mapping[str, str], cookies: Mapping[str, str], origin: Origin
    ) -> Consent | str:
        """Return what to ask the person in the browser, or where to send it if the host has asked for what is wrong.

        Raises InvalidInputError if it must not be sent anywhere, NotFoundError, and RateLimitedError.
        """
        server = self.servers.named(name)
        self.refusals.bound(origin)
        if parameters.get("client_id") != HOST_CLIENT_ID:
            raise await self._invalid(_UNKNOWN, server, origin)
        redirect, state = parameters.get("redirect_uri", ""), parameters.get("state")
        if not is_redirect(redirect, server.issuer.host_redirects):
            raise await self._invalid(_FOREIGN, server, origin, redirect)
        if state is not None and (len(state) > LONGEST_STATE or not state.isprintable()):
            raise InvalidInputError(f"state: at most {LONGEST_STATE:,} printable characters")
        fault = _fault(parameters, server)
        if fault is not None:
            return _back(server, redirect, state, error=fault[0], error_description=fault[1])
        cookie = f"{_COOKIE}{secrets.randbelow(_COOKIES)}"
        known = cookies.get(cookie, "")
        value = known if _COOKIE_VALUE.fullmatch(known) else secrets.token_urlsafe(32)
        scopes = tuple(parameters.get("scope", "").split()) or tuple(server.scopes)
        request = HostRequest(
            request_id=secrets.token_urlsafe(16),
            issuer_id=server.issuer.issuer_id,
            issuer=server.issuer.url,
            client_id=server.issuer.host_client_id or "",
            redirect_uri=redirect,
            challenge=parameters["code_challenge"],
            state=state,
            scopes=scopes,
            cookie=cookie,
            browser=digest_of(value),
            expires_at=self.seals.ends(VALID_FOR),
        )
        return Consent(server.issuer.name, redirect, scopes, self.seals.seal(request), (cookie, value))

    async def decide(
        self, name: str, sealed: str, cookies: Mapping[str, str], origin: Origin, *, allows: bool
    ) -> tuple[str, str]:
        """Return where to send the browser of a person who has decided: to the provider, or back to the host.

        The second text is the name of the cookie, which has to live as long as the state that the provider gets.

        Raises AuthorizationDeniedError if the question was not asked in this browser or too long ago, NotFoundError,
        and RateLimitedError.
        """
        server = self.servers.named(name)
        self.refusals.bound(origin)
        request = self.seals.open(sealed, HostRequest, server)
        if request is None:
            raise await self._denied(_OVER, server, origin)
        if not is_browser(cookies, request):
            raise await self._denied(_OTHER, server, origin)
        return await self._decided(server, request, allows=allows), request.cookie

    async def _decided(self, server: HostServer, request: HostRequest, *, allows: bool) -> str:
        if not allows:
            return _back(server, request.redirect_uri, request.state, error="access_denied")
        place = await self.endpoints.find(server.issuer)
        if place is None:
            return _back(server, request.redirect_uri, request.state, error="temporarily_unavailable")
        again = structs.replace(
            request, request_id=secrets.token_urlsafe(16), expires_at=self.seals.ends(VALID_FOR)
        )
        return self._at_provider(server, place, Visit(request=again, verifier=secrets.token_urlsafe(32)))

    async def callback(
        self, name: str, parameters: Mapping[str, str], cookies: Mapping[str, str], origin: Origin
    ) -> str:
        """Return where to send a browser that comes back from the provider: to the host, with a code or an error.

        Raises AuthorizationDeniedError for an answer that does not belong to this browser, to this provider, or was
        taken before; nothing of it is shown.
        """
        server = self.servers.named(name)
        self.refusals.bound(origin)
        visit = self.seals.open(parameters.get("state", ""), Visit, server)
        if visit is None:
            raise await self._denied(_OVER, server, origin)
        if not is_browser(cookies, visit.request):
            raise await self._denied(_OTHER, server, origin)
        place = await self.endpoints.find(server.issuer)
        named = parameters.get("iss", None if place is None or place.names_itself else server.issuer.url)
        if named != server.issuer.url:
            raise await self._denied(_MIXED_UP, server, origin)
        if not await self.uses.take(*use_of(visit)):
            raise await self._denied(_USED, server, origin)
        return self._to_host(server, visit, parameters)

    def _to_host(self, server: HostServer, visit: Visit, parameters: Mapping[str, str]) -> str:
        request, code, error = visit.request, parameters.get("code", ""), parameters.get("error")
        if error is not None or not 0 < len(code) <= _LONGEST_CODE:
            shown = error if error in _PASSED_ON else "server_error"
            return _back(server, request.redirect_uri, request.state, error=shown)
        sealed = HostCode(visit=visit, code=code, expires_at=self.seals.ends(CODE_VALID_FOR))
        return _back(server, request.redirect_uri, request.state, code=self.seals.seal(sealed))

    def _at_provider(self, server: HostServer, place: LoginPlace, visit: Visit) -> str:
        scopes, issuer = visit.request.scopes, server.issuer
        # OpenID Connect issues no refresh token without it; Entra, which wants no resource either, then refuses people
        # for whom an administrator has consented.
        asks_again = _OFFLINE in scopes and not issuer.host_omits_resource
        return with_parameters(
            place.authorization_endpoint,
            (
                ("response_type", "code"),
                ("client_id", issuer.host_client_id),
                ("redirect_uri", server.callback),
                ("state", self.seals.seal(visit)),
                ("code_challenge", challenge_of(visit.verifier)),
                ("code_challenge_method", "S256"),
                ("scope", " ".join(scopes) or None),
                ("resource", None if issuer.host_omits_resource else server.resource),
                # Some providers demand it; the ID token, which would repeat it, is not used.
                ("nonce", secrets.token_urlsafe(16) if OPENID in scopes else None),
                ("prompt", "consent" if asks_again else None),
            ),
        )

    async def _invalid(
        self,
        fault: tuple[HostLoginFault, str],
        server: HostServer,
        origin: Origin,
        redirect: str | None = None,
    ) -> InvalidInputError:
        await self.refusals.record(fault[0], server.issuer, origin, redirect)
        return InvalidInputError(fault[1])

    async def _denied(
        self, fault: tuple[HostLoginFault, str], server: HostServer, origin: Origin
    ) -> AuthorizationDeniedError:
        await self.refusals.record(fault[0], server.issuer, origin)
        return AuthorizationDeniedError(fault[1])


def _fault(parameters: Mapping[str, str], server: HostServer) -> tuple[str, str] | None:
    """Return the error of OAuth for what a host may not ask for, with words for its developers."""
    if parameters.get("response_type") != "code":
        return "unsupported_response_type", "The response_type must be code."
    if parameters.get("response_mode", "query") != "query":
        return "invalid_request", "The response_mode must be query."
    if parameters.get("code_challenge_method") != "S256" or not is_challenge(
        parameters.get("code_challenge", "")
    ):
        return "invalid_request", "A code_challenge with the method S256 is needed."
    if parameters.get("resource", server.resource) != server.resource:
        return "invalid_target", "The resource is another one than this server."
    if not {*parameters.get("scope", "").split()} <= {*server.scopes}:
        return "invalid_scope", "Only the scopes of the metadata can be asked for."
    return None


def _back(server: HostServer, redirect_uri: str, state: str | None, **answer: str) -> str:
    """Return the URL with an answer to the host, which names its authorization server (RFC 9207)."""
    return with_parameters(redirect_uri, (*answer.items(), ("state", state), ("iss", server.identifier)))
