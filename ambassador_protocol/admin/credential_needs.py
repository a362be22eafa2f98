"""The member `credentials` of an MCP: which values it needs and where they go, and its access by OAuth."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Final

from ambassador_protocol.admin.enumerations import CredentialPlace, OAuthGrant, SubjectType
from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialFieldBody:
    """One value that an MCP needs; `place` says where it goes, and `target` names the variable, header or parameter.

    An argument has no target. `template` has `{}` for the value. With a `reference` (`env://NAME`, `file:///PATH`,
    `hashicorp://MOUNT/PATH#FIELD`) all users share one value; without one, each user gives their own, and
    `listing_reference` is the value with which the server itself lists what the MCP offers. A literal is refused.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    name: str
    place: CredentialPlace
    target: str = ""
    template: str = "{}"
    title: str = ""
    help: str = ""
    secret: bool = True
    required: bool = True
    reference: str | None = None
    listing_reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthBody:
    """Access by OAuth 2.1; what is null or empty is found by discovery.

    With grant `user` each user connects an account; `service_account` is one account for all. `client_secret` is a
    reference. `resource` is `send`, `omit`, or the URI to send. `issuer` pins the authorization server.
    `private_addresses` permits endpoints at loopback and private addresses. With `identity_assertion` the access token
    that a request of a user presents is exchanged at its issuer, whose name is `provider`, for an assertion to the
    authorization server (ID-JAG); `subject_type` says as what it is given there.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    grant: OAuthGrant = "user"
    client_id: str | None = None
    client_secret: str | None = None
    scopes: list[str] = field(default_factory=list)
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
    subject_type: SubjectType = "access_token"


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsBody:
    """The credentials that an MCP needs; without members it needs none."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    fields: list[CredentialFieldBody] = field(default_factory=list)
    oauth: OAuthBody | None = None


_FIELD_DEFAULTS: Final = {
    name: value
    for name, value in asdict(CredentialFieldBody(name="", place="")).items()
    if name not in ("name", "place")
}
_OAUTH_DEFAULTS: Final = asdict(OAuthBody())


def without_defaults(credentials: Mapping[str, Any]) -> dict[str, Any]:
    """Return the short form of `credentials`, in which no member has its default: the form that is shown."""
    short: dict[str, Any] = {}
    if credentials.get("fields"):
        short["fields"] = [_without(each, _FIELD_DEFAULTS) for each in credentials["fields"]]
    if credentials.get("oauth") is not None:
        short["oauth"] = _without(credentials["oauth"], _OAUTH_DEFAULTS)
    return short


def _without(members: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name not in defaults or value != defaults[name]}
