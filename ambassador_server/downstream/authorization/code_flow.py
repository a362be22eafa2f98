"""The consent of a user in a browser: the request with PKCE (RFC 7636), and the checks of its callback (RFC 9207)."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Final

from yarl import URL

from ambassador_server.domain.catalog.credential_needs import GrantType, OAuthNeeds
from ambassador_server.downstream.authorization.challenges import unite
from ambassador_server.downstream.authorization.token_endpoint import (
    error_code,
    error_for_code,
    with_resource,
    with_scopes,
)
from ambassador_server.errors import (
    AuthorizationDeniedError,
    AuthorizationError,
    IssuerMismatchError,
    RegistrationDeadError,
)
from ambassador_server.ports.authorization import (
    AuthorizationRequest,
    Challenge,
    Registration,
    ServerMetadata,
)

_RANDOM_BYTES: Final = 32
_LONGEST_CODE: Final = 8192
_OFFLINE: Final = "offline_access"


def scopes_to_request(
    server: ServerMetadata, needs: OAuthNeeds, challenge: Challenge | None, requested: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the scopes to ask for, with the one for refresh tokens where the server has it."""
    demanded = challenge.scopes if challenge else ()
    scopes = unite(requested, demanded or needs.scopes or server.resource_scopes)
    if scopes and needs.grant is GrantType.USER and _OFFLINE in server.offered_scopes:
        return unite(scopes, (_OFFLINE,))
    return scopes


def authorize(
    server: ServerMetadata, registration: Registration, scopes: tuple[str, ...]
) -> AuthorizationRequest:
    """Return a request with a state and a verifier of its own."""
    if server.authorization_endpoint is None:
        raise AuthorizationError("The authorization server has no endpoint for browsers.")
    if registration.issuer != server.issuer:
        raise IssuerMismatchError("The client is registered at another authorization server.")
    state, verifier = secrets.token_urlsafe(_RANDOM_BYTES), secrets.token_urlsafe(_RANDOM_BYTES)
    parameters = {
        "response_type": "code",
        "client_id": registration.client_id,
        "redirect_uri": registration.redirect_uri,
        "state": state,
        "code_challenge": _challenge(verifier),
        "code_challenge_method": "S256",
    }
    if "openid" in scopes:
        # Some servers demand it with this scope; the ID token, which would repeat it, is not used.
        parameters["nonce"] = secrets.token_urlsafe(_RANDOM_BYTES)
    if _OFFLINE in scopes:
        parameters["prompt"] = "consent"  # without it OpenID Connect issues no refresh token
    parameters = with_scopes(scopes, with_resource(server, parameters))
    return AuthorizationRequest(
        url=str(URL(server.authorization_endpoint).update_query(parameters)),
        state=state,
        verifier=verifier,
        issuer=server.issuer,
        client_id=registration.client_id,
        redirect_uri=registration.redirect_uri,
        scopes=scopes,
    )


def read_callback(
    server: ServerMetadata, request: AuthorizationRequest, parameters: Mapping[str, str]
) -> str:
    """Return the code of a callback; nothing of a callback of another issuer or request is shown."""
    if not hmac.compare_digest(parameters.get("state", "").encode(), request.state.encode()):
        raise AuthorizationDeniedError("The callback does not belong to this request.")
    _check_issuer(server, request, parameters.get("iss"))
    if "error" in parameters:
        raise _denial(error_code(parameters))
    code = parameters.get("code", "")
    if not 0 < len(code) <= _LONGEST_CODE:
        raise AuthorizationDeniedError("The callback has no code.")
    return code


def exchange_form(server: ServerMetadata, request: AuthorizationRequest, code: str) -> Mapping[str, str]:
    """Return the parameters that exchange a code."""
    return with_resource(
        server,
        {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": request.redirect_uri,
            "code_verifier": request.verifier,
        },
    )


def _check_issuer(server: ServerMetadata, request: AuthorizationRequest, issuer: str | None) -> None:
    """Compare `iss`, exactly, with the issuer that the user was sent to; it may be missing if it was not promised."""
    if request.issuer != server.issuer or (issuer is not None and issuer != request.issuer):
        raise IssuerMismatchError(
            "The callback is of another issuer than the authorization server that the user was sent to; an MCP that "
            "declares its endpoints has to declare the issuer, too."
        )
    if issuer is None and server.sends_issuer:
        raise IssuerMismatchError("The callback does not name its issuer, although the server promises that.")


def _denial(code: str) -> AuthorizationError:
    where = "The authorization server"
    if code == "unauthorized_client":
        return RegistrationDeadError(f"{where} does not know this client ({code}).")
    if code == "access_denied":
        return AuthorizationDeniedError("Access was denied.")
    shown = f" ({code})" if code else ""
    return error_for_code(code, where) or AuthorizationDeniedError(f"{where} has denied access{shown}.")


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
