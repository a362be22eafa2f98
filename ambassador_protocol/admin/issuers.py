"""Bodies of `/v1/admin/issuers`."""

from dataclasses import dataclass
from typing import Any, ClassVar

from ambassador_protocol.admin.enumerations import CheckResult, KeySource, TokenAlgorithm
from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerPut:
    """`PUT /v1/admin/issuers/{name}`: adds or replaces an issuer.

    `url` is the issuer exactly as tokens name it. With the key source `discovery`, the document of the issuer names its
    keys; with `jwks`, `key_place` is their URL; with `secret`, the reference of a secret that is shared with the
    issuer, whose tokens are signed with HS256. With `introspection` the issuer is asked about each token, at
    `key_place` or the endpoint that its document names, as the client `client_id` with the secret, or private key, at
    the reference `client_secret`; of several such issuers, each has another `token_prefix`. A token must be for one of
    `audiences`, and have all `scopes`. A claim is named by its name, or as a path such as `realm_access.roles`;
    `{audience}` in a path stands for each audience. A claimed group means the group that `group_map` names, or else the
    one that is called `group_prefix` and its name. `private_addresses` permits URLs at private addresses. With the key
    source `certificates` the issuer is an authority that signs client certificates, `url` is its fingerprint, and each
    of `user_claims` is a rule such as `email:{user}@acme.example`; with `beside_key` a certificate needs a key of the
    same user. `assertion_clients` may exchange identity assertions (ID-JAG) of the issuer for tokens of this server:
    each client by its id, with the reference of its secret. People sign in as users of the client `login_client_id`,
    which asks for `login_scopes`. With `host_client_id` applications that have no client at the issuer log in through
    this server, which is that client there, with the secret at the reference `host_client_secret` if it has one. It
    asks for `scopes` and `host_scopes`, names its resource unless `host_omits_resource` is true, and sends browsers
    back to the user's own machine, or to one of `host_redirects`. An absent owner stays as it is.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    url: str
    group_prefix: str
    audiences: list[str] | None = None
    algorithms: list[TokenAlgorithm] | None = None
    key_source: KeySource = "discovery"
    key_place: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    token_prefix: str = ""
    private_addresses: bool = False
    subject_claim: str = "sub"
    user_claims: list[str] | None = None
    email_claim: str = "email"
    group_claims: list[str] | None = None
    group_map: dict[str, str] | None = None
    scopes: list[str] | None = None
    creates_users: bool = False
    beside_key: bool = False
    assertion_clients: dict[str, str] | None = None
    login_client_id: str | None = None
    login_scopes: list[str] | None = None
    host_client_id: str | None = None
    host_client_secret: str | None = None
    host_redirects: list[str] | None = None
    host_scopes: list[str] | None = None
    host_omits_resource: bool = False
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerChange:
    """`PATCH /v1/admin/issuers/{name}`: changes the fields that are in the body, lists and maps as a whole.

    `key_source` changes how tokens are verified as a whole: `algorithms`, `key_place`, `client_id`, `client_secret` and
    `token_prefix` then are those of the body, or the defaults. An empty text removes `key_place`, `client_id`,
    `client_secret`, `host_client_secret` or the owner, and `login_client_id` or `host_client_id` with what is of that
    client. The serial numbers of revoked certificates stay.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    url: str | None = None
    group_prefix: str | None = None
    audiences: list[str] | None = None
    algorithms: list[TokenAlgorithm] | None = None
    key_source: KeySource | None = None
    key_place: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    token_prefix: str | None = None
    private_addresses: bool | None = None
    subject_claim: str | None = None
    user_claims: list[str] | None = None
    email_claim: str | None = None
    group_claims: list[str] | None = None
    group_map: dict[str, str] | None = None
    scopes: list[str] | None = None
    creates_users: bool | None = None
    beside_key: bool | None = None
    assertion_clients: dict[str, str] | None = None
    login_client_id: str | None = None
    login_scopes: list[str] | None = None
    host_client_id: str | None = None
    host_client_secret: str | None = None
    host_redirects: list[str] | None = None
    host_scopes: list[str] | None = None
    host_omits_resource: bool | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewIssuer(IssuerPut):
    """`POST /v1/admin/issuers`: adds an issuer; 409 if there is one of this name."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerView:
    """An issuer whose tokens are believed; it never has a secret, only its reference."""

    id: str
    name: str
    url: str
    audiences: list[str]
    algorithms: list[TokenAlgorithm]
    key_source: KeySource
    key_place: str | None
    client_id: str | None
    client_secret: str | None
    token_prefix: str
    private_addresses: bool
    subject_claim: str
    user_claims: list[str]
    email_claim: str
    group_claims: list[str]
    group_prefix: str
    group_map: dict[str, str]
    scopes: list[str]
    creates_users: bool
    beside_key: bool
    revoked: list[str]
    assertion_clients: dict[str, str]
    login_client_id: str | None
    login_scopes: list[str]
    host_client_id: str | None
    host_client_secret: str | None
    host_redirects: list[str]
    host_scopes: list[str]
    host_omits_resource: bool
    owner: str | None
    created_at: str
    created_by: str
    updated_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRevocation:
    """`POST /v1/admin/issuers/{name}/revoked`: believes a certificate of this authority no more."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    serial: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenIssuer(IssuerView):
    """An issuer that was added or changed; `warnings` say what keeps people from using it."""

    warnings: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenToTest:
    """`POST /v1/admin/issuers/{name}/test`: a token, which is neither stored nor recorded.

    For an issuer of the kind gateway, `headers` are what its gateway would send instead.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    token: str | None = None
    headers: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCheck:
    """One check of a token, in the order in which they are made."""

    check: str
    result: CheckResult
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedGroup:
    """A group that a token names, and the group of this server that it means; null if it means none."""

    claimed: str
    group: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestedToken:
    """What a token would become: `reason` says why it is refused, null if it is accepted."""

    accepted: bool
    reason: str | None
    checks: list[TokenCheck]
    user: str | None
    creates_user: bool
    email: str | None
    client: str | None
    groups: list[ClaimedGroup]
    groups_unknown: bool
    expires_at: str | None
