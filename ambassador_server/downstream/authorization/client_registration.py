"""Makes this server a client of an authorization server: declared, by its document, or by registration (RFC 7591)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

import msgspec
from yarl import URL

from ambassador_server.domain.catalog.credential_needs import GrantType, OAuthNeeds
from ambassador_server.downstream.authorization.challenges import read_scopes, unite
from ambassador_server.downstream.authorization.token_endpoint import (
    choose_auth_method,
    error_code,
)
from ambassador_server.downstream.options import resolve_reference
from ambassador_server.errors import AuthorizationServerUnavailableError, RegistrationRefusedError
from ambassador_server.guarded_http.addresses import is_this_machine
from ambassador_server.guarded_http.client_authentication import BASIC, NO_SECRET, POST, is_private_key
from ambassador_server.guarded_http.requests import Answer, GuardedHttp
from ambassador_server.ports.authorization import (
    ClientDescription,
    Registration,
    RegistrationKind,
    ServerMetadata,
)

_JSON: Final = "application/json"
_CODE_GRANTS: Final = ("authorization_code", "refresh_token")
_DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_DECLARE: Final = "so a client has to be declared for this MCP"
_LONGEST_TEXT: Final = 4096
_FAR_FUTURE: Final = 253_402_300_799  # the last second that a date can have


async def register(
    http: GuardedHttp,
    server: ServerMetadata,
    needs: OAuthNeeds,
    description: ClientDescription,
    *,
    device: bool,
) -> Registration:
    """Return the declared client, else the one of our document, else a newly registered one."""
    if needs.client_id is not None:
        return await _declared(server, needs, needs.client_id, description)
    by_document = _by_document(server, needs, description)
    if by_document and not (device and server.registration_endpoint):
        return by_document
    if server.registration_endpoint is None:
        raise RegistrationRefusedError(f"The authorization server registers no clients, {_DECLARE}.")
    return await _register(http, server, needs, description, server.registration_endpoint)


def client_document(description: ClientDescription) -> bytes:
    """Return the document that describes this server as a client without a secret."""
    document = {
        "client_id": description.document_url,
        **_described(description),
        "token_endpoint_auth_method": NO_SECRET,
        "grant_types": _CODE_GRANTS,
        "response_types": ["code"],
    }
    return msgspec.json.encode(document)


def _by_document(
    server: ServerMetadata, needs: OAuthNeeds, description: ClientDescription
) -> Registration | None:
    document = description.document_url
    if needs.grant is not GrantType.USER or not server.reads_client_documents:
        return None
    if document is None or not _can_be_id(document):
        return None
    return Registration(
        kind=RegistrationKind.DOCUMENT,
        issuer=server.issuer,
        client_id=document,
        redirect_uri=description.redirect_uri,
    )


async def _declared(
    server: ServerMetadata, needs: OAuthNeeds, client_id: str, description: ClientDescription
) -> Registration:
    """Return the declared client with its secret as it is now."""
    if needs.client_secret and not (needs.issuer or needs.token_endpoint):
        # Else the MCP, or a person who has taken it over, could name the server that the secret is sent to.
        raise RegistrationRefusedError(
            "A client secret is sent only to a declared authorization server: declare its issuer for this MCP."
        )
    secret = await resolve_reference(needs.client_secret) if needs.client_secret else None
    method = choose_auth_method(server, secret)
    if method is None:
        kind = "signature" if secret is not None and is_private_key(secret) else "client secret"
        raise RegistrationRefusedError(f"The authorization server accepts no {kind} from its clients.")
    return Registration(
        kind=RegistrationKind.DECLARED,
        issuer=server.issuer,
        client_id=client_id,
        client_secret=secret,
        auth_method=method,
        redirect_uri=description.redirect_uri,
        scopes=needs.scopes,
    )


async def _register(
    http: GuardedHttp,
    server: ServerMetadata,
    needs: OAuthNeeds,
    description: ClientDescription,
    endpoint: str,
) -> Registration:
    """Register with all scopes that are offered, so that a later step-up is not refused."""
    scopes = unite(server.offered_scopes, needs.scopes)
    wanted = _request(server, needs, description, scopes)
    answer = await http.post(
        endpoint, msgspec.json.encode(wanted), kind=_JSON, private=server.private_addresses
    )
    if answer.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
        raise _refusal(answer)
    return _read(answer, server, description, scopes)


def _request(
    server: ServerMetadata, needs: OAuthNeeds, description: ClientDescription, scopes: tuple[str, ...]
) -> dict[str, Any]:
    offered = server.token_auth_methods or (BASIC,)
    method = next((each for each in (BASIC, POST, NO_SECRET) if each in offered), None)
    if method is None:
        raise RegistrationRefusedError("The authorization server accepts no client secret from its clients.")
    members: dict[str, Any] = {"client_name": description.name, "token_endpoint_auth_method": method}
    if needs.grant is GrantType.USER:
        members |= _described(description) | {"response_types": ["code"], "grant_types": _user_grants(server)}
    else:
        members |= {"response_types": [], "redirect_uris": [], "grant_types": ["client_credentials"]}
    return members | ({"scope": " ".join(scopes)} if scopes else {})


def _described(description: ClientDescription) -> dict[str, Any]:
    """Return the members that registration and document share; a native client may use plain HTTP on its machine."""
    redirect = URL(description.redirect_uri)
    is_native = redirect.scheme == "http" and is_this_machine(redirect.host or "")
    return {
        "client_name": description.name,
        "redirect_uris": [description.redirect_uri],
        "application_type": "native" if is_native else "web",
    }


def _user_grants(server: ServerMetadata) -> list[str]:
    """Return the grants to register for, without those that the server does not have and might refuse."""
    wanted = [*_CODE_GRANTS, *([_DEVICE_GRANT] if server.device_endpoint else [])]
    return [grant for grant in wanted if not server.grant_types or grant in server.grant_types]


def _read(
    answer: Answer, server: ServerMetadata, description: ClientDescription, scopes: tuple[str, ...]
) -> Registration:
    found = answer.json()
    secret = _text(found, "client_secret") if found.get("client_secret") else None
    method = found.get("token_endpoint_auth_method") or (BASIC if secret else NO_SECRET)
    if method not in (BASIC, POST, NO_SECRET):
        raise RegistrationRefusedError(
            "The authorization server demands another authentication than by a secret."
        )
    if method != NO_SECRET and secret is None:
        raise RegistrationRefusedError(
            "The authorization server demands a client secret, but has issued none."
        )
    granted = found.get("scope")
    return Registration(
        kind=RegistrationKind.DYNAMIC,
        issuer=server.issuer,
        client_id=_text(found, "client_id"),
        client_secret=secret if method != NO_SECRET else None,
        auth_method=method,
        redirect_uri=description.redirect_uri,
        scopes=read_scopes(granted.split()) if isinstance(granted, str) else scopes,
        secret_expires_at=_expiry(found.get("client_secret_expires_at")) if secret else None,
    )


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT and value.isprintable():
        return value
    raise AuthorizationServerUnavailableError(f"The authorization server sent no valid {name}.")


def _expiry(value: object) -> datetime | None:
    """Return when a secret expires; 0 stands for never."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _FAR_FUTURE:
        return None
    return datetime.fromtimestamp(value, UTC)


def _refusal(answer: Answer) -> RegistrationRefusedError | AuthorizationServerUnavailableError:
    where = f"The authorization server at {answer.host}"
    if answer.status >= 500 or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return AuthorizationServerUnavailableError(f"{where} answered HTTP {answer.status}.")
    code = error_code(answer.json_or_empty())
    why = f"{code}, HTTP {answer.status}" if code else f"HTTP {answer.status}"
    return RegistrationRefusedError(
        f"{where} refuses to register this server as a client ({why}), {_DECLARE}."
    )


def _can_be_id(document: str) -> bool:
    """Tell whether the URL of a document can be a client id: https with a path."""
    url = URL(document)
    return url.scheme == "https" and url.path != "/"
