"""Identity assertions (ID-JAG) of a provider: what is asked for, and whether the answer is that."""

from collections.abc import Mapping
from typing import Any, Final

import jwt

from ambassador_server.downstream.authorization.token_endpoint import read_token, with_resource, with_scopes
from ambassador_server.errors import AuthorizationServerUnavailableError
from ambassador_server.ports.authorization import IdentityToken, ServerMetadata

_TOKEN_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_ID_JAG: Final = "urn:ietf:params:oauth:token-type:id-jag"
_TYPE: Final = "oauth-id-jag+jwt"


def assertion_form(
    identity: IdentityToken, server: ServerMetadata, scopes: tuple[str, ...]
) -> dict[str, str]:
    """Return the parameters that ask a provider for an assertion to `server` (RFC 8693)."""
    form = {
        "grant_type": _TOKEN_EXCHANGE,
        "requested_token_type": _ID_JAG,
        "audience": server.issuer,
        "subject_token": identity.token,
        "subject_token_type": identity.kind,
    }
    return with_scopes(scopes, with_resource(server, form))


def read_assertion(
    answer: Mapping[str, Any],
    *,
    provider: ServerMetadata,
    identity: IdentityToken,
    server: ServerMetadata,
    client_id: str,
    scopes: tuple[str, ...],
) -> str:
    """Return the assertion of an answer; raises AuthorizationServerUnavailableError for another than was asked for.

    Its signature is for `server` to verify. These checks keep an assertion about another user, or for another server,
    from being sent at all.
    """
    if answer.get("issued_token_type") != _ID_JAG:
        raise AuthorizationServerUnavailableError("The identity provider issued a token of another kind.")
    assertion = read_token(answer, "access_token")
    header, claims = _decoded(assertion)
    if str(header.get("typ", "")).lower().removeprefix("application/") != _TYPE:
        raise AuthorizationServerUnavailableError(
            "The identity provider issued something else than an assertion."
        )
    expected = {"iss": provider.issuer, "aud": server.issuer, "client_id": client_id}
    if server.resource is not None:
        expected["resource"] = server.resource
    for name, value in expected.items():
        if claims.get(name) not in (value, [value]):
            raise _wrong(name)
    if claims.get("sub") not in _subjects(identity):
        raise _wrong("sub")
    for granted in (answer.get("scope"), claims.get("scope")):
        if scopes and granted is not None and not _is_within(granted, scopes):
            raise _wrong("scope")
    return assertion


def _subjects(identity: IdentityToken) -> list[Any]:
    """Return by which names the provider may call the user: a provider may use another claim in assertions."""
    _, claims = _decoded(identity.token)
    return [name for name in (identity.subject, claims.get("sub")) if isinstance(name, str) and name]


def _is_within(granted: Any, scopes: tuple[str, ...]) -> bool:
    return isinstance(granted, str) and {*granted.split()} <= {*scopes}


def _decoded(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the header and the claims, of which nothing is verified; both are empty if it is no JWT."""
    try:
        found = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return {}, {}
    return found["header"], found["payload"]


def _wrong(claim: str) -> AuthorizationServerUnavailableError:
    return AuthorizationServerUnavailableError(
        f"The identity provider issued an assertion with another {claim} than was asked for."
    )
