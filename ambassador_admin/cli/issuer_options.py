"""The options of `issuer add` and `update`: which tokens are believed, how they are verified, what claims mean."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ambassador_admin.errors import UsageError
from ambassador_protocol.admin.issuer_presets import fields_of_gateway

ISSUER_HELP = "ambassador-admin issuer add --help"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """How tokens are signed, and where the keys are."""

    algorithms: Annotated[
        list[str] | None,
        typer.Option(
            "--algorithm",
            metavar="ALGORITHM",
            help="How tokens may be signed, such as RS256, ES256 or EdDSA; may be repeated. Default: RS256.",
        ),
    ] = None
    keys_url: Annotated[
        str | None,
        typer.Option("--keys-url", metavar="URL", help="Where the keys are. Default: found by discovery."),
    ] = None
    secret: Annotated[
        str | None,
        typer.Option(
            "--secret",
            metavar="REFERENCE",
            help="For HS256 the secret that the issuer shares with this server, with --introspection that of the "
            "client, or its private key: env://NAME, file://PATH or hashicorp://PATH.",
        ),
    ] = None
    introspection: Annotated[
        bool,
        typer.Option(
            "--introspection", help="Ask the issuer about each token (RFC 7662); needs --client-id, --secret."
        ),
    ] = False
    introspection_url: Annotated[
        str | None,
        typer.Option(
            "--introspection-url",
            metavar="URL",
            help="Where the issuer is asked. Default: found by discovery.",
        ),
    ] = None
    client_id: Annotated[
        str | None,
        typer.Option("--client-id", metavar="ID", help="The client that this server is at the issuer."),
    ] = None
    token_prefix: Annotated[
        str | None,
        typer.Option(
            "--token-prefix",
            metavar="TEXT",
            help="How its opaque tokens begin; several issuers that are asked need different ones.",
        ),
    ] = None
    private_addresses: Annotated[
        bool | None,
        typer.Option(
            "--private-addresses/--no-private-addresses",
            help="Permit an issuer at loopback and private addresses.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What the claims of a token mean."""

    subject_claim: Annotated[
        str | None,
        typer.Option("--subject-claim", metavar="CLAIM", help="What never changes for a user. Default: sub."),
    ] = None
    user_claims: Annotated[
        list[str] | None,
        typer.Option(
            "--user-claim",
            metavar="CLAIM",
            help="The name of the user; if repeated, the first that a token has. Default: preferred_username.",
        ),
    ] = None
    email_claim: Annotated[
        str | None, typer.Option("--email-claim", metavar="CLAIM", help="The mail address. Default: email.")
    ] = None
    group_claims: Annotated[
        list[str] | None,
        typer.Option(
            "--group-claim",
            metavar="CLAIM",
            help="Groups, by name or path, such as realm_access.roles; may be repeated. Default: groups.",
        ),
    ] = None
    group_prefix: Annotated[
        str | None,
        typer.Option(
            "--group-prefix",
            metavar="PREFIX",
            help="How the groups here begin that its groups mean. Default: its name and a dot.",
        ),
    ] = None
    group_map: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="CLAIMED=GROUP",
            help="The group here that one of its groups means, such as a GUID; may be repeated.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Which tokens are believed, and whether they may bring new users."""

    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="The issuer exactly as its tokens name it (iss)."),
    ] = None
    audiences: Annotated[
        list[str] | None,
        typer.Option("--audience", metavar="AUDIENCE", help="What its tokens for this server are for (aud)."),
    ] = None
    gateway: Annotated[
        str | None,
        typer.Option(
            "--gateway",
            metavar="GATEWAY",
            help="The API gateway, by its name in the server's configuration, whose headers are the claims.",
        ),
    ] = None
    scopes: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="SCOPE", help="A scope that tokens must have; may be repeated."),
    ] = None
    create_users: Annotated[
        bool | None,
        typer.Option(
            "--create-users/--no-create-users", help="Create users whom tokens name first, without a group."
        ),
    ] = None
    assertion_clients: Annotated[
        list[str] | None,
        typer.Option(
            "--id-jag-client",
            metavar="CLIENT_ID=REFERENCE",
            help="A client that may exchange identity assertions (ID-JAG) of the issuer for tokens of this server, and "
            "its secret: env://NAME or file://PATH; may be repeated.",
        ),
    ] = None
    ca_file: Annotated[
        Path | None,
        typer.Option(
            "--ca-file",
            metavar="FILE",
            help="With --preset certificates: the certificate of the authority, in place of --url.",
        ),
    ] = None
    beside_key: Annotated[
        bool | None,
        typer.Option(
            "--beside-key/--no-beside-key", help="Accept its certificates only beside a key of the same user."
        ),
    ] = None
    login_client_id: Annotated[
        str | None,
        typer.Option(
            "--login-client-id", metavar="ID", help="The public client there with which people sign in here."
        ),
    ] = None
    login_scopes: Annotated[
        list[str] | None,
        typer.Option(
            "--login-scope",
            metavar="SCOPE",
            help="A scope that it asks for; may be repeated. Default: openid, profile, email.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """How applications log in that have no client at the issuer; named as the fields of the issuer are."""

    host_client_id: Annotated[
        str | None,
        typer.Option(
            "--host-client-id",
            metavar="ID",
            help="The client of this server there, through which applications log in that have none.",
        ),
    ] = None
    host_client_secret: Annotated[
        str | None,
        typer.Option(
            "--host-client-secret",
            metavar="REFERENCE",
            help="Its secret, if it has one: env://NAME, file://PATH or hashicorp://PATH.",
        ),
    ] = None
    host_redirects: Annotated[
        list[str] | None,
        typer.Option(
            "--host-redirect",
            metavar="URI",
            help="Where browsers may be sent back to besides the user's machine, such as "
            "https://vscode.dev/redirect; may be repeated.",
        ),
    ] = None
    host_scopes: Annotated[
        list[str] | None,
        typer.Option(
            "--host-scope",
            metavar="SCOPE",
            help="A scope that applications may ask for besides --scope, such as offline_access; may be repeated.",
        ),
    ] = None
    host_omits_resource: Annotated[
        bool | None,
        typer.Option(
            "--host-omits-resource/--no-host-omits-resource",
            help="Do not name the resource, nor ask for consent again: Entra refuses both.",
        ),
    ] = None


def fields_given(
    trust: Trust, keys: Keys, claims: Claims, hosts: Hosts, *, changes: bool = False
) -> dict[str, Any]:
    """Return the fields that options set, or change; a single empty text is the list or map without values."""
    given = {
        **({} if trust.gateway is None else fields_of_gateway(trust.gateway)),
        **_of_tokens(trust, keys, claims, changes=changes),
        "host_client_id": hosts.host_client_id,
        "host_client_secret": hosts.host_client_secret,
        "host_redirects": _values(hosts.host_redirects),
        "host_scopes": _values(hosts.host_scopes),
        "host_omits_resource": hosts.host_omits_resource,
    }
    return {name: value for name, value in given.items() if value is not None}


def _of_tokens(trust: Trust, keys: Keys, claims: Claims, *, changes: bool) -> dict[str, Any]:
    if trust.gateway is not None and (_says_source(keys) or trust.url is not None or trust.ca_file):
        raise UsageError(
            "--gateway excludes --url, --ca-file, --algorithm, --keys-url, --secret, --introspection, "
            "--introspection-url, --client-id and --token-prefix.",
            hint=ISSUER_HELP,
        )
    given = {
        "url": _url(trust),
        "beside_key": trust.beside_key,
        "audiences": _values(trust.audiences),
        "scopes": _values(trust.scopes),
        "creates_users": trust.create_users,
        "assertion_clients": _clients(trust.assertion_clients),
        "login_client_id": trust.login_client_id,
        "login_scopes": _values(trust.login_scopes),
        "algorithms": keys.algorithms,
        **_source(keys, changes=changes),
        "private_addresses": keys.private_addresses,
        "subject_claim": claims.subject_claim,
        "user_claims": _values(claims.user_claims),
        "email_claim": claims.email_claim,
        "group_claims": _values(claims.group_claims),
        "group_prefix": claims.group_prefix,
        "group_map": _mapped(claims.group_map),
    }
    return {name: value for name, value in given.items() if value is not None}


def _url(trust: Trust) -> str | None:
    """Return the name of an issuer; that of an authority is the fingerprint of its certificate."""
    if trust.ca_file is None:
        return trust.url
    if trust.url is not None:
        raise UsageError("--url and --ca-file exclude each other.", hint=ISSUER_HELP)
    import ssl

    try:
        content = trust.ca_file.read_text(encoding="ascii")
        encoded = ssl.PEM_cert_to_DER_cert(_only_certificate(content))
    except OSError as error:
        raise UsageError(
            f"--ca-file: cannot read {trust.ca_file}: {error.strerror}.", hint=ISSUER_HELP
        ) from None
    except ValueError:
        raise UsageError(
            f"--ca-file: {trust.ca_file} is not one certificate in PEM.", hint=ISSUER_HELP
        ) from None
    return f"sha256:{hashlib.sha256(encoded).hexdigest()}"


def _only_certificate(content: str) -> str:
    """Return the certificate in a text, without what is before and after it. Raises ValueError for none or several."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    if content.count(begin) != 1 or content.count(end) != 1:
        raise ValueError
    return content[content.index(begin) : content.index(end) + len(end)]


def _says_source(keys: Keys) -> bool:
    """Tell whether an option says how tokens are verified."""
    given = (
        keys.algorithms,
        keys.keys_url,
        keys.secret,
        keys.introspection_url,
        keys.client_id,
        keys.token_prefix,
    )
    return keys.introspection or any(each is not None for each in given)


def _source(keys: Keys, *, changes: bool) -> dict[str, Any]:
    """Return where the keys are, or how the issuer is asked, if that is given; nothing that is given is left out."""
    if keys.secret == "":
        raise UsageError("--secret: an empty text is no reference.", hint=ISSUER_HELP)
    if keys.introspection or keys.introspection_url:
        return _asked(keys, changes=changes)
    place = keys.introspection_url
    asked = {"key_place": place, "client_id": keys.client_id, "token_prefix": keys.token_prefix}
    if any(value is not None for value in asked.values()):
        if not changes or keys.keys_url is not None or keys.secret is not None:
            raise UsageError(
                "--client-id, --token-prefix and --introspection-url need --introspection, and exclude --keys-url.",
                hint=ISSUER_HELP,
            )
        return asked
    if keys.keys_url is not None and keys.secret is not None:
        raise UsageError("--keys-url and --secret exclude each other.", hint=ISSUER_HELP)
    if keys.secret is not None:
        return {"key_source": "secret", "key_place": keys.secret, "algorithms": keys.algorithms or ["HS256"]}
    if keys.keys_url == "":
        return {"key_source": "discovery"}
    return {"key_source": "jwks", "key_place": keys.keys_url} if keys.keys_url else {}


def _values(given: list[str] | None) -> list[str] | None:
    """Return the values of an option; a single empty text means that there are none."""
    return [] if given == [""] else given


def _asked(keys: Keys, *, changes: bool) -> dict[str, Any]:
    """Return how the issuer is asked about tokens; a new issuer needs no empty text to be found by discovery."""
    if keys.keys_url is not None or keys.algorithms is not None:
        raise UsageError("--introspection needs neither --keys-url nor --algorithm.", hint=ISSUER_HELP)
    if not keys.client_id or not keys.secret:
        raise UsageError("--introspection needs --client-id and --secret.", hint=ISSUER_HELP)
    given = {
        "key_source": "introspection",
        "key_place": keys.introspection_url if changes else (keys.introspection_url or None),
        "client_id": keys.client_id,
        "client_secret": keys.secret,
        "token_prefix": keys.token_prefix,
    }
    return {name: value for name, value in given.items() if value is not None}


def _mapped(given: list[str] | None) -> dict[str, str] | None:
    if given is None:
        return None
    mapped: dict[str, str] = {}
    for each in _values(given) or ():
        # The name of a group here has no `=`, and that of another system may.
        claimed, sign, group = each.rpartition("=")
        if not sign or not claimed or not group:
            raise UsageError(f"--map: {each!r} is not CLAIMED=GROUP.", hint=ISSUER_HELP)
        if claimed in mapped:
            raise UsageError(f"--map: {claimed!r} is given twice.", hint=ISSUER_HELP)
        mapped[claimed] = group
    return mapped


def _clients(given: list[str] | None) -> dict[str, str] | None:
    if given is None:
        return None
    clients: dict[str, str] = {}
    for each in _values(given) or ():
        # The id of a client may be a URL with `=`, and so may a reference: the scheme tells where that begins.
        found = re.fullmatch(r"(.+)=([a-z]+://.+)", each)
        if found is None:
            # The value is not repeated: it may be a secret that was given in the place of its reference.
            raise UsageError("--id-jag-client: a value is not CLIENT_ID=REFERENCE.", hint=ISSUER_HELP)
        if found[1] in clients:
            raise UsageError(f"--id-jag-client: {found[1]!r} is given twice.", hint=ISSUER_HELP)
        clients[found[1]] = found[2]
    return clients
