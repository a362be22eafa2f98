"""What credentials an MCP needs: fields with a place each, and access by OAuth."""

import re
from dataclasses import Field, dataclass, fields, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

OAUTH_FIELD: Final = "oauth"
"""The name under which the tokens of a user are stored; no declared field has it."""
FIELD_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
VALUE: Final = "{}"
"""What a template has in the place of the value."""


class Place(StrEnum):
    """Where the value of a field goes; `environment` and `argument` are of programs, the others of requests."""

    ENVIRONMENT = "environment"
    HEADER = "header"
    QUERY = "query"
    ARGUMENT = "argument"


PROGRAM_PLACES: Final = frozenset({Place.ENVIRONMENT, Place.ARGUMENT})


class GrantType(StrEnum):
    """Whose access a token stands for: that of each user, or that of one service account for all.

    With `identity_assertion` it is that of each user, and the identity provider whose access token a request presents
    grants it (ID-JAG).
    """

    USER = "user"
    SERVICE_ACCOUNT = "service_account"
    IDENTITY_ASSERTION = "identity_assertion"


class SubjectType(StrEnum):
    """As what a presented token is given to its provider (RFC 8693)."""

    ACCESS_TOKEN = "access_token"
    ID_TOKEN = "id_token"
    JWT = "jwt"


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialField:
    """One value that an MCP needs.

    `target` is the name of the variable, header or parameter; an argument has none. `template` has `{}` for the value.
    The value comes from `reference` (`env://`, `file://`, `hashicorp://`) for all users, or from each user if that is
    None. `listing_reference` is the value with which this server lists what the MCP offers, if users give their own.
    """

    name: str
    place: Place
    target: str = ""
    template: str = VALUE
    title: str = ""
    help: str = ""
    secret: bool = True
    required: bool = True
    reference: str | None = None
    listing_reference: str | None = None

    @property
    def is_per_user(self) -> bool:
        """Tell whether each user gives a value."""
        return self.reference is None


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthNeeds:
    """Access by OAuth 2.1; what is None or empty is found by discovery.

    `client_secret` is a reference. `resource` is `send`, `omit`, or the URI to send. `issuer` pins the authorization
    server. `private_addresses` allows endpoints at private addresses. For identity assertions `provider` is the name of
    the issuer whose tokens are exchanged there, by the client `provider_client_id` with the secret at the reference
    `provider_client_secret`.
    """

    grant: GrantType = GrantType.USER
    client_id: str | None = None
    client_secret: str | None = None
    scopes: tuple[str, ...] = ()
    resource: str = "send"
    issuer: str | None = None
    authorization_endpoint: str | None = None
    token_endpoint: str | None = None
    device_endpoint: str | None = None
    revocation_endpoint: str | None = None
    private_addresses: bool = False
    provider: str | None = None
    provider_client_id: str | None = None
    provider_client_secret: str | None = None
    subject_type: SubjectType = SubjectType.ACCESS_TOKEN


@dataclass(frozen=True, kw_only=True)
class CredentialNeeds:
    """The credentials that an MCP needs; what follows from them is computed once, because every call asks for it."""

    fields: tuple[CredentialField, ...] = ()
    oauth: OAuthNeeds | None = None

    @property
    def declares_any(self) -> bool:
        """Tell whether any credential is needed."""
        return bool(self.fields) or self.oauth is not None

    @cached_property
    def user_fields(self) -> tuple[CredentialField, ...]:
        """Return the fields that each user gives a value for."""
        return tuple(field for field in self.fields if field.is_per_user)

    @cached_property
    def needs_connect(self) -> bool:
        """Tell whether each user has to grant access by OAuth."""
        return self.oauth is not None and self.oauth.grant is GrantType.USER

    @cached_property
    def provider(self) -> str | None:
        """Return the issuer whose presented tokens are exchanged for access by OAuth; None if none are."""
        if self.oauth is None or self.oauth.grant is not GrantType.IDENTITY_ASSERTION:
            return None
        return self.oauth.provider

    @cached_property
    def has_token_per_user(self) -> bool:
        """Tell whether each user has access by OAuth, and no service account has it for all."""
        return self.needs_connect or self.provider is not None

    @cached_property
    def is_given_by_users(self) -> bool:
        """Tell whether users have to give something once, which is stored for them."""
        return self.needs_connect or bool(self.user_fields)

    @cached_property
    def is_per_user(self) -> bool:
        """Tell whether users have credentials of their own, so that no connection is shared between them."""
        return self.has_token_per_user or bool(self.user_fields)

    @cached_property
    def is_listed_by_users(self) -> bool:
        """Tell whether only the connections of users can list what the MCP offers."""
        return self.has_token_per_user or any(
            field.is_per_user and field.required and field.listing_reference is None for field in self.fields
        )

    @property
    def references(self) -> tuple[str, ...]:
        """Return every reference to a secret."""
        found = [each for field in self.fields for each in (field.reference, field.listing_reference)]
        if self.oauth is not None:
            found += (self.oauth.client_secret, self.oauth.provider_client_secret)
        return tuple(each for each in found if each is not None)

    @property
    def without_texts(self) -> "CredentialNeeds":
        """Return what a connection depends on: the needs without the texts for people."""
        if not self.fields:
            return self
        return replace(self, fields=tuple(replace(field, title="", help="") for field in self.fields))

    @property
    def members(self) -> dict[str, Any]:
        """Return the needs as a document without members that have their default; references are no secrets."""
        document: dict[str, Any] = {}
        if self.fields:
            document["fields"] = [_members(field) for field in self.fields]
        if self.oauth is not None:
            document["oauth"] = _members(self.oauth)
        return document


def _members(item: "DataclassInstance") -> dict[str, Any]:
    values = {each.name: getattr(item, each.name) for each in fields(item) if _is_set(item, each)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _is_set(item: "DataclassInstance", member: Field[Any]) -> bool:
    return bool(getattr(item, member.name) != member.default)


NO_CREDENTIALS: Final = CredentialNeeds()
"""The needs of an MCP that demands no credential."""
