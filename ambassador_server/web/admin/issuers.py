"""`/v1/admin/issuers`: sets, removes and lists issuers, and explains what a token would become."""

from collections.abc import Iterable, Iterator, Set
from dataclasses import fields
from functools import partial
from typing import Any

from aiohttp import web

from ambassador_protocol.admin.issuer_presets import (
    LOGIN_SCOPES,
    OF_CLIENTS,
    OF_SOURCE,
    REMOVABLE,
    defaults_of,
)
from ambassador_protocol.admin.issuers import (
    ClaimedGroup,
    IssuerChange,
    IssuerPut,
    IssuerView,
    NewIssuer,
    NewRevocation,
    TestedToken,
    TokenCheck,
    TokenToTest,
    WrittenIssuer,
)
from ambassador_protocol.admin.page import Page
from ambassador_protocol.paths import ISSUERS
from ambassador_server.domain.people.administrators import Right
from ambassador_server.domain.people.issuers import Algorithm, Issuer, KeySource
from ambassador_server.domain.people.token_claims import STEP_OF, TokenIdentity, TokenStep
from ambassador_server.errors import InvalidInputError
from ambassador_server.services.administration.issuers import IssuerSpec, TokenExplanation
from ambassador_server.services.changes.writing import WriteResult, Written
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.bodies import extended, json_response
from ambassador_server.web.endpoints import LIST, Endpoint
from ambassador_server.web.listing import listing, page
from ambassador_server.web.requests import choice, requester
from ambassador_server.web.timestamps import timestamp
from ambassador_server.wording.tokens import FAULTS

_MOST_TOKEN_BYTES = 64 * 1024


async def create(request: web.Request, body: NewIssuer) -> web.Response:
    """Add an issuer, whose tokens are believed from the next request on."""
    issuers = request.app[ADMINISTRATION].issuers
    return _written(await issuers.create(requester(request), body.name, issuer_spec(body)))


async def put(request: web.Request, body: IssuerPut) -> web.Response:
    """Add or replace an issuer, with effect from the next request."""
    issuers = request.app[ADMINISTRATION].issuers
    return _written(await issuers.put(requester(request), request.match_info["name"], issuer_spec(body)))


async def change(request: web.Request, body: IssuerChange) -> web.Response:
    """Change the fields that are in the body, with effect from the next request."""
    issuers, name = request.app[ADMINISTRATION].issuers, request.match_info["name"]
    return _written(await issuers.update(requester(request), name, partial(changed_spec, body)))


async def show(request: web.Request) -> web.Response:
    """Show an issuer."""
    issuer = await request.app[ADMINISTRATION].issuers.get(request.match_info["name"])
    return json_response(issuer_view(issuer))


async def remove(request: web.Request) -> web.Response:
    """Remove an issuer: its tokens are refused from the next request on, and calls in flight with them stop."""
    await request.app[ADMINISTRATION].issuers.remove(requester(request), request.match_info["name"])
    return web.Response(status=204)


async def index(request: web.Request) -> web.Response:
    """List issuers, by name by default."""
    issuers = await request.app[ADMINISTRATION].issuers.page(listing(request))
    return json_response(page(request, issuers, issuer_view))


async def revoke(request: web.Request, body: NewRevocation) -> web.Response:
    """Believe a certificate of this authority no more: connections and calls in flight with it stop."""
    issuers = request.app[ADMINISTRATION].issuers
    return _written(await issuers.revoke(requester(request), request.match_info["name"], body.serial))


async def restore(request: web.Request) -> web.Response:
    """Believe a revoked certificate again."""
    issuers, asked = request.app[ADMINISTRATION].issuers, request.match_info
    await issuers.restore(requester(request), asked["name"], asked["serial"])
    return web.Response(status=204)


async def test(request: web.Request, body: TokenToTest) -> web.Response:
    """Explain what a token, or the headers of a gateway, would become, check by check; nothing is created."""
    issuers, name = request.app[ADMINISTRATION].issuers, request.match_info["name"]
    if (body.token is None) == (body.headers is None):
        raise InvalidInputError("Either a token, or the headers of a gateway")
    if body.headers is not None:
        found = await issuers.explain_headers(requester(request), name, tuple(body.headers.items()))
    else:
        found = await issuers.explain(requester(request), name, body.token or "")
    return json_response(_tested(found))


def issuer_spec(body: IssuerPut) -> IssuerSpec:
    """Convert the body to an IssuerSpec."""
    defaults = defaults_of(body.key_source)
    return IssuerSpec(
        url=body.url,
        audiences=tuple(body.audiences or ()),
        algorithms=tuple(
            choice(Algorithm, each, "algorithms") for each in body.algorithms or defaults["algorithms"]
        ),
        key_source=choice(KeySource, body.key_source, "key_source"),
        key_place=body.key_place,
        client_id=body.client_id,
        client_secret=body.client_secret,
        token_prefix=body.token_prefix,
        private_addresses=body.private_addresses,
        subject_claim=body.subject_claim,
        user_claims=tuple(defaults["user_claims"] if body.user_claims is None else body.user_claims),
        email_claim=body.email_claim,
        group_claims=tuple(defaults["group_claims"] if body.group_claims is None else body.group_claims),
        group_prefix=body.group_prefix,
        group_map=body.group_map or {},
        scopes=tuple(body.scopes or ()),
        creates_users=body.creates_users,
        beside_key=body.beside_key,
        assertion_clients=body.assertion_clients or {},
        login_client_id=body.login_client_id,
        login_scopes=tuple(body.login_scopes or (() if body.login_client_id is None else LOGIN_SCOPES)),
        host_client_id=body.host_client_id,
        host_client_secret=body.host_client_secret,
        host_redirects=tuple(body.host_redirects or ()),
        host_scopes=tuple(body.host_scopes or ()),
        host_omits_resource=body.host_omits_resource,
        owner=body.owner,
    )


def changed_spec(body: IssuerChange, issuer: Issuer) -> IssuerSpec:
    """Return the rules of an issuer with those of the body in their place."""
    given: dict[str, Any] = {each.name: getattr(body, each.name) for each in fields(body)}
    given = {name: value for name, value in given.items() if value is not None}
    if body.key_source is not None:
        given = _defaults(body.key_source, OF_SOURCE) | given
    for client, names in OF_CLIENTS.items():
        if given.get(client) == "":
            given = _defaults(issuer.key_source, names) | given
    removed = {name: None for name in REMOVABLE if given.get(name) == ""}
    return issuer_spec(IssuerPut(**issuer.members() | given | removed))


def _defaults(key_source: str, names: Iterable[str]) -> dict[str, Any]:
    defaults = defaults_of(key_source)
    return {name: defaults[name] for name in names}


def issuer_view(issuer: Issuer) -> IssuerView:
    """Convert an issuer."""
    return IssuerView(
        **issuer.members(),
        id=issuer.issuer_id,
        revoked=list(issuer.revoked),
        name=issuer.name,
        owner=issuer.owner,
        created_at=timestamp(issuer.created_at),
        created_by=issuer.created_by,
        updated_at=timestamp(issuer.updated_at),
    )


def _written(written: Written[Issuer]) -> web.Response:
    status = 201 if written.result is WriteResult.CREATED else 200
    shown = extended(WrittenIssuer, issuer_view(written.item), warnings=list(written.warnings))
    return json_response(shown, status=status)


def _tested(found: TokenExplanation) -> TestedToken:
    identity = found.identity
    return TestedToken(
        accepted=found.refusal is None,
        reason=None if found.refusal is None else found.refusal.fault,
        checks=list(_checks(found)),
        user=found.user_name,
        creates_user=found.creates_user,
        email=None if identity is None else identity.email,
        client=None if identity is None else identity.client or None,
        groups=[ClaimedGroup(claimed=each, group=group) for each, group in (found.groups or {}).items()],
        groups_unknown=identity is not None and identity.groups_unknown,
        expires_at=None if identity is None else timestamp(identity.expires_at),
    )


def _checks(found: TokenExplanation) -> Iterator[TokenCheck]:
    """Yield all checks: those before the one that failed were passed, those after it not reached."""
    refusal, failed = found.refusal, False
    needless = _needless(found.issuer)
    for step in TokenStep:
        if refusal is not None and STEP_OF[refusal.fault] is step:
            failed = True
            more = f": {refusal.detail}" if refusal.detail else ""
            yield TokenCheck(check=step, result="failed", detail=f"{FAULTS[refusal.fault]}{more}")
        elif step not in needless:
            detail = "" if failed else _detail(step, found, found.identity)
            yield TokenCheck(check=step, result="not_reached" if failed else "passed", detail=detail)


_NEEDLESS = frozenset({TokenStep.ALGORITHM, TokenStep.KEY, TokenStep.SIGNATURE})
"""The checks that a token does not need whose issuer is asked about it."""
_OF_HEADERS = frozenset({TokenStep.USER, TokenStep.ACCOUNT})
"""The checks of what a trusted gateway says; that it is trusted, its connection or its signature proves."""


def _needless(issuer: Issuer) -> Set[TokenStep]:
    if issuer.is_gateway:
        return {*TokenStep} - _OF_HEADERS
    return _NEEDLESS if issuer.key_source is KeySource.INTROSPECTION else {TokenStep.ACTIVE}


def _detail(step: TokenStep, found: TokenExplanation, identity: TokenIdentity | None) -> str:
    """Return what a passed check has found."""
    match step:
        case TokenStep.ISSUER:
            return found.issuer.url
        case TokenStep.USER if identity is not None:
            named = f"claim {identity.user_claim!r} names {identity.user_name!r}"
            return f"{named}; subject {identity.subject!r}"
        case TokenStep.ACCOUNT if found.creates_user:
            return f"{found.user_name}, which would be created without a group"
        case TokenStep.ACCOUNT:
            return found.user_name or ""
        case _:
            return ""


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    one = f"{ISSUERS}/{{name}}"
    return [
        Endpoint(
            method="GET",
            path=ISSUERS,
            right=Right.READ,
            handler=index,
            response_type=Page[IssuerView],
            query=LIST,
        ),
        Endpoint(
            method="POST",
            path=ISSUERS,
            right=Right.MANAGE,
            handler=create,
            body_type=NewIssuer,
            response_type=WrittenIssuer,
            statuses=(201,),
        ),
        Endpoint(method="GET", path=one, right=Right.READ, handler=show, response_type=IssuerView),
        *_changes(one),
        Endpoint(method="DELETE", path=one, right=Right.MANAGE, handler=remove, statuses=(204,)),
        *_revocations(one),
        Endpoint(
            method="POST",
            path=f"{one}/test",
            right=Right.MANAGE,
            handler=test,
            body_type=TokenToTest,
            max_body_bytes=_MOST_TOKEN_BYTES,
            response_type=TestedToken,
            has_dry_run=False,
        ),
    ]


def _changes(one: str) -> list[Endpoint]:
    return [
        Endpoint(
            method="PUT",
            path=one,
            right=Right.MANAGE,
            handler=put,
            body_type=IssuerPut,
            response_type=WrittenIssuer,
            statuses=(200, 201),
        ),
        Endpoint(
            method="PATCH",
            path=one,
            right=Right.MANAGE,
            handler=change,
            body_type=IssuerChange,
            response_type=WrittenIssuer,
        ),
    ]


def _revocations(one: str) -> list[Endpoint]:
    return [
        Endpoint(
            method="POST",
            path=f"{one}/revoked",
            right=Right.OPERATE,
            handler=revoke,
            body_type=NewRevocation,
            response_type=WrittenIssuer,
        ),
        Endpoint(
            method="DELETE",
            path=f"{one}/revoked/{{serial}}",
            right=Right.MANAGE,
            handler=restore,
            statuses=(204,),
        ),
    ]
