"""Checks the credentials that an entry declares, without regard to its transport."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from ambassador_server.domain.catalog.credential_needs import (
    FIELD_NAME,
    OAUTH_FIELD,
    VALUE,
    CredentialField,
    CredentialNeeds,
    GrantType,
    OAuthNeeds,
    Place,
    SubjectType,
)
from ambassador_server.domain.catalog.mcps import Mcp, Sessions
from ambassador_server.domain.secrets.issued_tokens import ISSUED
from ambassador_server.domain.secrets.own_tokens import OWN
from ambassador_server.domain.secrets.private_keys import PRIVATE_KEYS
from ambassador_server.domain.secrets.shapes import mask_shapes
from ambassador_server.domain.shared.names import check_text
from ambassador_server.errors import InvalidInputError

_MOST_FIELDS: Final = 32
_MOST_SCOPES: Final = 100
_LONGEST_ID: Final = 1000
_TOKENS: Final = (OWN, *PRIVATE_KEYS, *ISSUED)
"""The shapes that are a secret by themselves; a word such as `token:` only announces one."""


def check_needs(mcp: Mcp) -> None:
    """Raise InvalidInputError for needs that nobody could fill, that contradict each other, or that hold a secret."""
    needs = mcp.credentials
    if len(needs.fields) > _MOST_FIELDS:
        raise InvalidInputError(f"An MCP declares at most {_MOST_FIELDS} fields of credentials.")
    for field in needs.fields:
        _check_field(field)
    _check_distinct(needs.fields)
    if needs.oauth is not None:
        _check_oauth(needs.oauth)
    if needs.is_per_user and mcp.sessions is Sessions.SHARED:
        raise InvalidInputError(
            "Users with credentials of their own never share a session: set sessions to auto or per_user."
        )


def recorded_needs(needs: CredentialNeeds) -> dict[str, Any]:
    """Return the needs as the audit has them."""
    members = needs.members
    endpoint = members.get("oauth", {}).pop("token_endpoint", None)
    if endpoint is not None:
        # The audit takes the value of a member that is named after tokens for one.
        members["oauth"]["exchange_endpoint"] = endpoint
    return members


def _check_field(field: CredentialField) -> None:
    if FIELD_NAME.fullmatch(field.name) is None or field.name == OAUTH_FIELD:
        raise InvalidInputError(
            f"{field.name[:60]!r} is not a field name: lower-case letters, digits, '_' and '-', starting with a "
            f"letter, at most 64, and not {OAUTH_FIELD!r}."
        )
    subject = f"Credential {field.name!r}"
    _check_texts(field)
    if field.template.count(VALUE) != 1:
        raise InvalidInputError(
            f"{subject}: the template must have {VALUE} exactly once, in the value's place."
        )
    if (field.place is Place.ARGUMENT) == bool(field.target):
        has = "has no target" if field.target else f"needs a target: the name of the {_TARGETS[field.place]}"
        raise InvalidInputError(f"{subject}: a field with place {field.place} {has}.")
    if field.reference is not None and field.listing_reference is not None:
        raise InvalidInputError(
            f"{subject}: a value that all users share is used for listing, too; give one of reference and "
            "listing_reference."
        )


_TARGETS: Final = {Place.ENVIRONMENT: "variable", Place.HEADER: "header", Place.QUERY: "parameter"}


def _check_distinct(fields: Iterable[CredentialField]) -> None:
    # The names of headers do not depend on case.
    targets = [
        (each.place, each.target.lower() if each.place is Place.HEADER else each.target)
        for each in fields
        if each.place is not Place.ARGUMENT
    ]
    names = [each.name for each in fields]
    for name, count in Counter(names).items():
        if count > 1:
            raise InvalidInputError(f"Credential {name!r} is declared {count} times.")
    for (place, target), count in Counter(targets).items():
        if count > 1:
            raise InvalidInputError(f"{count} fields go to the same {_TARGETS[place]}: {target}.")


def _check_oauth(oauth: OAuthNeeds) -> None:
    if oauth.grant is GrantType.SERVICE_ACCOUNT and (oauth.client_id is None or oauth.client_secret is None):
        raise InvalidInputError("OAuth: a service account needs a client_id and a client_secret.")
    _check_assertions(oauth)
    if oauth.client_secret is not None and oauth.client_id is None:
        raise InvalidInputError("OAuth: a client_secret needs the client_id that it belongs to.")
    if oauth.client_secret is not None and oauth.issuer is None and oauth.token_endpoint is None:
        raise InvalidInputError(
            "OAuth: a client_secret needs the issuer, or the token_endpoint, that it may be sent to."
        )
    for name, client_id in (
        ("client_id", oauth.client_id),
        ("provider_client_id", oauth.provider_client_id),
    ):
        if client_id is not None and not _is_token(client_id, _LONGEST_ID):
            raise InvalidInputError(f"OAuth: the {name} must be printable text without spaces.")
    if len(oauth.scopes) > _MOST_SCOPES or not all(_is_token(scope, _LONGEST_ID) for scope in oauth.scopes):
        raise InvalidInputError(f"OAuth: scopes are at most {_MOST_SCOPES} words without spaces.")
    urls = {
        "issuer": oauth.issuer,
        "authorization_endpoint": oauth.authorization_endpoint,
        "token_endpoint": oauth.token_endpoint,
        "device_endpoint": oauth.device_endpoint,
        "revocation_endpoint": oauth.revocation_endpoint,
    }
    for name, url in urls.items():
        if url is not None and not _is_endpoint(url, plain=oauth.private_addresses):
            raise InvalidInputError(f"OAuth: the {name} must be an https:// URL.")
    if oauth.resource not in ("send", "omit") and not _is_endpoint(oauth.resource, plain=True):
        raise InvalidInputError(
            "OAuth: the resource must be send, omit, or the http:// or https:// URI to send."
        )


def _check_assertions(oauth: OAuthNeeds) -> None:
    """Check who vouches for users to whom, which is declared and never found out by asking the MCP."""
    of_provider = {
        "provider": oauth.provider,
        "provider_client_id": oauth.provider_client_id,
        "provider_client_secret": oauth.provider_client_secret,
    }
    if oauth.grant is not GrantType.IDENTITY_ASSERTION:
        given = [name for name, value in of_provider.items() if value is not None]
        if given or oauth.subject_type is not SubjectType.ACCESS_TOKEN:
            raise InvalidInputError(
                f"OAuth: {given[0] if given else 'subject_type'} goes with the grant identity_assertion."
            )
        return
    needed = of_provider | {
        "issuer": oauth.issuer,
        "client_id": oauth.client_id,
        "client_secret": oauth.client_secret,
    }
    lacking = [name for name, value in needed.items() if not value]
    if lacking:
        raise InvalidInputError(f"OAuth: the grant identity_assertion needs {', '.join(lacking)}.")
    for name in ("authorization_endpoint", "device_endpoint"):
        if getattr(oauth, name) is not None:
            raise InvalidInputError(f"OAuth: no user goes to the {name} with the grant identity_assertion.")


def _is_token(text: str, longest: int) -> bool:
    return 0 < len(text) <= longest and text.isascii() and text.isprintable() and " " not in text


def _is_endpoint(url: str, *, plain: bool) -> bool:
    """Tell whether this is an absolute URL over TLS, or also without TLS, that holds no credentials and no fragment."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in (("http", "https") if plain else ("https",)) and bool(parts.hostname)
        return (
            valid and parts.port != 0 and "@" not in parts.netloc and "#" not in url and _is_token(url, 2000)
        )
    except ValueError:
        return False


def _check_texts(field: CredentialField) -> None:
    """Refuse a text that looks like a secret, because declarations are shown to administrators and recorded."""
    for what, text in (("title", field.title), ("help", field.help), ("template", field.template)):
        check_text(f"{what} of credential {field.name!r}", text)
    texts = "\n".join((field.title, field.help, field.template))
    if mask_shapes(texts, _TOKENS) != texts:
        raise InvalidInputError(
            f"The title, help or template of credential {field.name!r} holds what looks like a secret; it may only "
            "describe one."
        )
