"""What the tokens of well-known identity providers look like: the fields of an issuer that a preset fills in."""

from collections.abc import Mapping
from typing import Any, Final

_GATEWAY: Final[Mapping[str, Any]] = {"url": "gateway:gateway", "key_source": "gateway", "algorithms": []}

PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "generic": {},
    "okta": {
        # Tokens of a custom authorization server; those of the organisation's own server cannot be checked by others.
        "subject_claim": "uid",
        "user_claims": ["sub"],
    },
    "entra": {
        # `oid` is the same in tokens of both versions; `sub` differs from application to application.
        "subject_claim": "oid",
        "user_claims": ["preferred_username", "upn"],
        "group_claims": ["groups", "roles"],
    },
    "keycloak": {
        "group_claims": ["groups", "realm_access.roles", "resource_access.{audience}.roles"],
    },
    "open-webui": {
        "url": "open-webui",
        "algorithms": ["HS256"],
        "key_source": "secret",
        "user_claims": ["email"],
        "group_claims": ["groups", "role"],
    },
    # Of an API gateway the claims are headers; each has to be one that the gateway sets or removes in every request.
    "traefik": {
        **_GATEWAY,
        "subject_claim": "x-user-email",
        "user_claims": ["x-user-email"],
        "email_claim": "x-user-email",
        "group_claims": ["x-user-groups"],
    },
    "apim": {
        **_GATEWAY,
        "subject_claim": "x-user-oid",
        "user_claims": ["x-user-email"],
        "email_claim": "x-user-email",
        "group_claims": ["x-user-groups"],
    },
    "open-webui-headers": {
        **_GATEWAY,
        "subject_claim": "x-openwebui-user-id",
        "user_claims": ["x-openwebui-user-email"],
        "email_claim": "x-openwebui-user-email",
        "group_claims": ["x-openwebui-user-role"],
    },
    # Authorities whose client certificates are believed; the rules for names are given for each.
    "certificates": {
        "key_source": "certificates",
        "algorithms": [],
        "subject_claim": "san",
        "user_claims": [],
        "group_claims": [],
    },
}
"""The fields that differ from those of `generic`, by the name of the preset."""

DEFAULTS: Final[Mapping[str, Any]] = {
    "audiences": [],
    "algorithms": ["RS256"],
    "key_source": "discovery",
    "key_place": None,
    "client_id": None,
    "client_secret": None,
    "token_prefix": "",
    "private_addresses": False,
    "subject_claim": "sub",
    "user_claims": ["preferred_username"],
    "email_claim": "email",
    "group_claims": ["groups"],
    "group_map": {},
    "scopes": [],
    "creates_users": False,
    "beside_key": False,
    "assertion_clients": {},
    "login_client_id": None,
    "login_scopes": [],
    "host_client_id": None,
    "host_client_secret": None,
    "host_redirects": [],
    "host_scopes": [],
    "host_omits_resource": False,
}
"""The fields of `generic`, but for those that each issuer has of its own."""


def fields_of_gateway(gateway: str) -> dict[str, Any]:
    """Return what an issuer has whose claims are the headers of the gateway of this name."""
    return {**_GATEWAY, "url": f"gateway:{gateway}"}


_BY_SOURCE: Final[Mapping[str, Mapping[str, Any]]] = {
    # The names of claims in answers about tokens are those of RFC 7662.
    "introspection": {"algorithms": [], "user_claims": ["username"]},
    "gateway": {"algorithms": []},
    "certificates": {"algorithms": []},
    "secret": {"algorithms": ["HS256"]},
}


def defaults_of(key_source: str) -> dict[str, Any]:
    """Return the fields of `generic` for an issuer whose tokens are verified in this way."""
    return {**DEFAULTS, **_BY_SOURCE.get(key_source, {}), "key_source": key_source}


OF_SOURCE: Final = ("algorithms", "key_place", "client_id", "client_secret", "token_prefix")
"""The fields that say how tokens are verified, beside the key source."""
OF_CLIENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "login_client_id": ("login_scopes",),
    "host_client_id": ("host_client_secret", "host_redirects", "host_scopes", "host_omits_resource"),
}
"""The fields that go with each client of the issuer."""
REMOVABLE: Final = ("key_place", "client_id", "client_secret", "host_client_secret", *OF_CLIENTS)
"""The fields that an empty text removes."""

LOGIN_SCOPES: Final = ["openid", "profile", "email"]
"""What a login client asks for by default."""


def filled_in(name: str, preset: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all fields of an issuer that are known: what is given, then those of the preset, then the defaults.

    Its groups begin with the name of the issuer and a dot by default.
    """
    chosen = {**PRESETS[preset], **given}
    scopes = {} if given.get("login_client_id") is None else {"login_scopes": LOGIN_SCOPES}
    source = chosen.get("key_source", "discovery")
    return {**defaults_of(source), "group_prefix": f"{name}.", **scopes, **chosen}
