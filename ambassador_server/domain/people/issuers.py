"""Issuers: who may name users in signed tokens, and what of their tokens is believed."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from ambassador_server.domain.people.host_requests import redirect_fault
from ambassador_server.domain.people.name_rules import FINGERPRINT, read_rule
from ambassador_server.domain.shared.names import check_name
from ambassador_server.errors import ConflictError, InvalidInputError

MOST_ISSUERS: Final = 100
MOST_REVOKED: Final = 10_000
OPENID: Final = "openid"
"""The scope that makes a provider send an ID token."""
_MOST_VALUES: Final = 50
_MOST_MAPPED: Final = 1_000
_LONGEST: Final = 1_000
_LONGEST_CLIENT_ID: Final = 255
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,62}[._@+-]")
_HEADER = re.compile(r"(?=.{3,64}\Z)[a-z][a-z0-9]*(?:-[a-z0-9]+)+")
_NEVER_IDENTITY: Final = frozenset({"x-session-token", "x-admin-key", "content-type", "user-agent"})
_GATEWAY_SCHEME: Final = "gateway:"
_SERIAL = re.compile(r"[0-9a-f]{1,64}")
_TOKEN_PREFIX = re.compile(r"[A-Za-z0-9._~+/-]{0,100}")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}")


class Algorithm(StrEnum):
    """How tokens are signed; with `HS256`, by a secret that the issuer shares with this server."""

    RS256 = "RS256"
    RS384 = "RS384"
    RS512 = "RS512"
    PS256 = "PS256"
    PS384 = "PS384"
    PS512 = "PS512"
    ES256 = "ES256"
    ES384 = "ES384"
    ES512 = "ES512"
    EDDSA = "EdDSA"
    HS256 = "HS256"


class KeySource(StrEnum):
    """What tells that a token is of its issuer.

    Keys are named in its discovery document, at a URL, or a shared secret; with `introspection` the issuer is asked
    about each token (RFC 7662), so that tokens need no form.
    An API gateway signs no tokens: its headers are the claims, and the proof is that the gateway has sent them.
    An issuer of `CERTIFICATES` is an authority that signs client certificates instead of tokens.
    """

    DISCOVERY = "discovery"
    JWKS = "jwks"
    SECRET = "secret"
    INTROSPECTION = "introspection"
    GATEWAY = "gateway"
    CERTIFICATES = "certificates"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerRules:
    """Whose tokens are believed, and what of them.

    `url` is the identifier of the issuer, exactly as tokens have it in `iss`. `key_place` is the URL of the keys, or of
    the introspection endpoint, or the reference of the secret, None for discovery. For introspection, `client_id` and
    the secret at the reference `client_secret` are those of this server, and tokens without a form of their own are
    assigned to the issuer with the longest `token_prefix` that they begin with. Tokens must be for one of `audiences`
    and have all `scopes`. Claims are named by themselves or as a path such as `realm_access.roles`. A claimed group
    means the group of this server that `group_map` names, or else the one called `group_prefix` and its name; if there
    is none, it means nothing.
    `assertion_clients` may exchange its identity assertions (ID-JAG) for tokens of this server: each client by its id,
    with the reference of its secret. People sign in as users of its client `login_client_id`, which asks for
    `login_scopes`. Hosts log in through this server, which is the client `host_client_id` there, with the secret at the
    reference `host_client_secret` if it has one; it asks for `scopes` and `host_scopes`, and sends browsers back to
    `host_redirects` besides the user's own machine.
    """

    url: str
    audiences: tuple[str, ...]
    algorithms: tuple[Algorithm, ...]
    key_source: KeySource
    key_place: str | None
    client_id: str | None = None
    client_secret: str | None = None
    token_prefix: str = ""
    private_addresses: bool
    subject_claim: str
    user_claims: tuple[str, ...]
    email_claim: str
    group_claims: tuple[str, ...]
    group_prefix: str
    group_map: Mapping[str, str]
    scopes: tuple[str, ...]
    creates_users: bool
    beside_key: bool = False
    """Whether a certificate is only accepted beside a key of the same user."""
    assertion_clients: Mapping[str, str] = field(default_factory=dict)
    login_client_id: str | None = None
    login_scopes: tuple[str, ...] = ()
    host_client_id: str | None = None
    host_client_secret: str | None = None
    host_redirects: tuple[str, ...] = ()
    host_scopes: tuple[str, ...] = ()
    host_omits_resource: bool = False
    """Whether what Entra refuses is not sent: which resource a token is for, and that consent is asked for again."""

    def members(self) -> dict[str, Any]:
        """Return the rules as members of a JSON object."""
        values = ((each.name, getattr(self, each.name)) for each in fields(IssuerRules))
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values}


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer(IssuerRules):
    """An issuer whose tokens are believed."""

    issuer_id: str
    name: str
    owner: str | None
    created_at: datetime
    created_by: str
    updated_at: datetime
    revoked: tuple[str, ...] = ()
    """The serial numbers of certificates that are not believed any more."""

    @property
    def is_gateway(self) -> bool:
        """Tell whether the claims are headers of an API gateway."""
        return self.key_source is KeySource.GATEWAY

    @property
    def signs_tokens(self) -> bool:
        """Tell whether the issuer signs tokens, and has keys for that."""
        return self.key_source not in (KeySource.GATEWAY, KeySource.CERTIFICATES)

    @property
    def has_logins(self) -> bool:
        """Tell whether the issuer is an authorization server, where people log in for a host."""
        return self.key_source in (KeySource.DISCOVERY, KeySource.JWKS, KeySource.INTROSPECTION)

    def group_name(self, claimed: str) -> str:
        """Return the name of the group of this server that a claimed group would mean."""
        return self.group_map.get(claimed) or f"{self.group_prefix}{claimed}"


def gateway_url(gateway: str) -> str:
    """Return the identifier of the issuer whose claims are the headers of the gateway of this name."""
    return f"{_GATEWAY_SCHEME}{gateway}"


def check_issuer(issuer: Issuer) -> None:
    """Raise InvalidInputError for an issuer whose tokens could not be checked, or whose rules contradict each other."""
    check_name("issuer", issuer.name)
    _check_lists(issuer)
    _check_client(issuer)
    if issuer.is_gateway:
        _check_gateway(issuer)
    elif issuer.key_source is KeySource.CERTIFICATES:
        check_authority(issuer)
    else:
        _check_token_issuer(issuer)
    if issuer.beside_key and issuer.key_source is not KeySource.CERTIFICATES:
        raise InvalidInputError("beside_key: only for an authority of certificates")
    _check_login(issuer)
    _check_hosts(issuer)
    if _PREFIX.fullmatch(issuer.group_prefix) is None:
        raise InvalidInputError(
            "group_prefix: letters, digits and '.', '_', '@', '+', '-', ending with one of these signs, such as 'okta.'"
        )
    _check_clients(issuer)
    if len(issuer.group_map) > _MOST_MAPPED:
        raise InvalidInputError(f"group_map: at most {_MOST_MAPPED:,} groups")
    for claimed, group in issuer.group_map.items():
        _check_text("group_map", claimed)
        check_name("group", group)


def _check_login(issuer: Issuer) -> None:
    if issuer.login_client_id is None:
        if issuer.login_scopes:
            raise InvalidInputError("login_scopes: only with a login_client_id")
        return
    _check_text("login_client_id", issuer.login_client_id)
    if issuer.key_source not in (KeySource.DISCOVERY, KeySource.JWKS):
        raise InvalidInputError("login_client_id: people sign in only at an issuer with public keys")
    if OPENID not in issuer.login_scopes:
        raise InvalidInputError(f"login_scopes: {OPENID!r} is among them, so that there is an ID token")


def _check_hosts(issuer: Issuer) -> None:
    if issuer.host_client_id is None:
        if (
            issuer.host_client_secret
            or issuer.host_redirects
            or issuer.host_scopes
            or issuer.host_omits_resource
        ):
            raise InvalidInputError(
                "host_client_secret, host_redirects, host_scopes, host_omits_resource: only with a host_client_id"
            )
        return
    _check_text("host_client_id", issuer.host_client_id)
    if not issuer.has_logins:
        raise InvalidInputError("host_client_id: hosts log in only at an authorization server")
    if issuer.host_client_id == issuer.login_client_id:
        # A code that a host has got must never sign in anyone to this server.
        raise InvalidInputError("host_client_id: another client than the login_client_id")
    for uri in issuer.host_redirects:
        fault = redirect_fault(uri)
        if fault is not None:
            raise InvalidInputError(f"host_redirects: {uri[:100]!r}: {fault}")


def check_beside(issuer: Issuer, others: Iterable[Issuer]) -> None:
    """Raise ConflictError if tokens or groups of an issuer could be taken for those of another."""
    for other in others:
        if other.issuer_id == issuer.issuer_id:
            continue
        if other.url == issuer.url:
            raise ConflictError(f"Issuer {other.name!r} has this URL already")
        if {issuer.key_source, other.key_source} == {KeySource.INTROSPECTION} and (
            other.token_prefix == issuer.token_prefix
        ):
            raise ConflictError(
                f"token_prefix: opaque tokens that begin with {issuer.token_prefix!r} are those of issuer "
                f"{other.name!r} already, and each is shown to one issuer alone"
            )
        if other.group_prefix.startswith(issuer.group_prefix) or issuer.group_prefix.startswith(
            other.group_prefix
        ):
            raise ConflictError(
                f"group_prefix: {issuer.group_prefix!r} and {other.group_prefix!r} of issuer {other.name!r} begin "
                "alike, so that a group of one could be taken for a group of the other"
            )


def _check_token_issuer(issuer: Issuer) -> None:
    _check_keys(issuer)
    if issuer.url.startswith(_GATEWAY_SCHEME):
        raise InvalidInputError(f"url: {_GATEWAY_SCHEME} goes with the key source gateway")
    if issuer.key_source is not KeySource.SECRET:
        _check_url(issuer.url)
    if not issuer.audiences and issuer.key_source is not KeySource.SECRET:
        raise InvalidInputError(
            "audiences: at least one, so that tokens for other servers are refused; only a secret needs none"
        )


def _check_gateway(issuer: Issuer) -> None:
    if not issuer.url.startswith(_GATEWAY_SCHEME):
        raise InvalidInputError(
            "url: gateway: and the name of the gateway in the configuration of the server"
        )
    check_name("gateway", issuer.url.removeprefix(_GATEWAY_SCHEME))
    if issuer.algorithms or issuer.audiences or issuer.scopes or issuer.key_place is not None:
        raise InvalidInputError("A gateway signs no tokens: no algorithms, audiences, scopes or key_place")
    if issuer.private_addresses:
        raise InvalidInputError("private_addresses: no keys of a gateway are fetched")
    if len(issuer.user_claims) != 1:
        # Of two headers a gateway may set one, and leave the other as the caller sent it.
        raise InvalidInputError("user_claims: exactly one header names the user of a gateway")
    for name in (issuer.subject_claim, *issuer.user_claims, issuer.email_claim, *issuer.group_claims):
        if _HEADER.fullmatch(name) is None or name in _NEVER_IDENTITY:
            raise InvalidInputError(
                f"{name[:60]!r} is no identity header: words of small letters and digits with '-', such as x-user-email"
            )


def _check_lists(issuer: Issuer) -> None:
    named: dict[str, tuple[str, ...]] = {
        "audiences": issuer.audiences,
        "user_claims": issuer.user_claims,
        "group_claims": issuer.group_claims,
        "scopes": issuer.scopes,
        "login_scopes": issuer.login_scopes,
        "host_redirects": issuer.host_redirects,
        "host_scopes": issuer.host_scopes,
        "url": (issuer.url,),
        "subject_claim": (issuer.subject_claim,),
        "email_claim": (issuer.email_claim,),
    }
    for name, values in named.items():
        if len(values) > _MOST_VALUES or len({*values}) != len(values):
            raise InvalidInputError(f"{name}: at most {_MOST_VALUES} values, each once")
        for value in values:
            _check_text(name, value)
    if not issuer.user_claims:
        raise InvalidInputError("user_claims: at least one claim has to name the user")
    for scope in (*issuer.scopes, *issuer.login_scopes, *issuer.host_scopes):
        if _SCOPE.fullmatch(scope) is None:
            raise InvalidInputError("scopes: a scope has neither spaces nor quotes")


def _check_keys(issuer: Issuer) -> None:
    algorithms, source = issuer.algorithms, issuer.key_source
    if source is KeySource.INTROSPECTION:
        if algorithms:
            raise InvalidInputError("algorithms: none, because the issuer is asked instead of its keys")
        return
    if not algorithms or len({*algorithms}) != len(algorithms):
        raise InvalidInputError("algorithms: at least one, each once")
    if Algorithm.HS256 in algorithms and len(algorithms) > 1:
        # Otherwise a public key could be used as a secret to sign with.
        raise InvalidInputError(
            "algorithms: HS256 stands alone, because it needs a secret and the others public keys"
        )
    if (Algorithm.HS256 in algorithms) != (source is KeySource.SECRET):
        raise InvalidInputError("algorithms: HS256 goes with a secret, and a secret with HS256")
    if (issuer.key_place is None) != (source is KeySource.DISCOVERY):
        raise InvalidInputError(
            "The keys are at a URL, or a secret by reference, or found by discovery: one of them"
        )


def _check_client(issuer: Issuer) -> None:
    if issuer.key_source is not KeySource.INTROSPECTION:
        if issuer.client_id is not None or issuer.client_secret is not None or issuer.token_prefix:
            raise InvalidInputError("client_id, client_secret, token_prefix: only with introspection")
        return
    if not issuer.client_id or not issuer.client_secret:
        raise InvalidInputError(
            "client_id, client_secret: an issuer is asked with the credentials of this server, a secret by reference"
        )
    _check_text("client_id", issuer.client_id)
    if _TOKEN_PREFIX.fullmatch(issuer.token_prefix) is None or issuer.token_prefix.startswith("amb_"):
        raise InvalidInputError(
            "token_prefix: at most 100 of the characters that tokens have, such as 'acme_'; not 'amb_', with which the "
            "secrets of this server begin"
        )


def _check_clients(issuer: Issuer) -> None:
    clients = issuer.assertion_clients
    if clients and issuer.key_source not in (KeySource.DISCOVERY, KeySource.JWKS):
        # With a shared secret this server could write assertions itself.
        raise InvalidInputError("assertion_clients: only for an issuer that signs with public keys")
    if len(clients) > _MOST_VALUES:
        raise InvalidInputError(f"assertion_clients: at most {_MOST_VALUES} clients")
    for client_id, reference in clients.items():
        _check_text("assertion_clients", client_id)
        _check_text("assertion_clients", reference)
        if len(client_id) > _LONGEST_CLIENT_ID or not client_id.isascii():
            raise InvalidInputError(
                f"assertion_clients: the id of a client has at most {_LONGEST_CLIENT_ID} ASCII characters"
            )


def _check_url(text: str) -> None:
    if not _is_url(text) or {"?", "#", "@"} & {*text}:
        raise InvalidInputError(
            "url: the identifier of an issuer is a URL such as https://login.example.com/realm"
        )


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _check_text(name: str, text: str) -> None:
    if not 0 < len(text) <= _LONGEST or not text.isprintable():
        raise InvalidInputError(f"{name}: printable texts of at most {_LONGEST:,} characters")


def check_authority(issuer: Issuer) -> None:
    """Raise InvalidInputError for an authority of certificates whose rules could not be followed."""
    if FINGERPRINT.fullmatch(issuer.url) is None:
        raise InvalidInputError(
            "url: an authority is named by its fingerprint, sha256: and 64 small hex digits"
        )
    unused = ("audiences", "algorithms", "scopes", "key_place", "private_addresses")
    for name in unused:
        if getattr(issuer, name):
            raise InvalidInputError(f"{name}: tokens have this, certificates do not")
    for rule in issuer.user_claims:
        read_rule(rule)
    if issuer.group_claims not in ((), ("ou",)):
        raise InvalidInputError("group_claims: of a certificate only ou, its organizational units")


def serial_number(text: str) -> str:
    """Return a serial number in small hex digits, as they are compared. Raises InvalidInputError."""
    digits = text.replace(":", "").lower().removeprefix("0x").lstrip("0") or "0"
    if _SERIAL.fullmatch(digits) is None:
        raise InvalidInputError(
            "serial: the serial number of a certificate in hexadecimal digits, such as 3A:0F"
        )
    return digits
