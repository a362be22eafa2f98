"""Issuers on the fake server, which believes the token `good` and no other."""

from dataclasses import asdict
from typing import Any

from aiohttp import web

from ambassador_protocol import paths
from ambassador_protocol.admin.issuer_presets import DEFAULTS
from ambassador_protocol.admin.issuers import IssuerChange, NewIssuer, NewRevocation, TokenToTest
from tests.admin.fake_routes import API, Refusal, _for, _known, _page, _read
from tests.admin.fake_state import AT, FakeState, Item

_CHECKS = ("form", "issuer", "algorithm", "key", "signature", "audience", "time", "scope", "user", "account")


def add_issuer(state: FakeState, name: str, **members: Any) -> Item:
    """Add an issuer."""
    state.issuers[name] = {
        **DEFAULTS,
        "id": f"issuer-{len(state.issuers) + 1}",
        "name": name,
        "url": f"https://{name}.example.com",
        "audiences": ["mcp"],
        "group_prefix": f"{name}.",
        "revoked": [],
        "owner": None,
        "created_at": AT,
        "created_by": "ops",
        "updated_at": AT,
    } | members
    return state.issuers[name]


def issuer_routes() -> list[web.RouteDef]:
    """Return the routes."""
    one = paths.ISSUERS + "/{name}"
    return [
        web.get(paths.ISSUERS, _for("read", lambda request: _page(request, request.app[API].issuers))),
        web.post(paths.ISSUERS, _for("manage", _create)),
        web.get(one, _for("read", _show)),
        web.patch(one, _for("manage", _change)),
        web.delete(one, _for("manage", _remove)),
        web.post(f"{one}/test", _for("manage", _test)),
        web.post(f"{one}/revoked", _for("operate", _revoke)),
        web.delete(f"{one}/revoked/{{serial}}", _for("manage", _restore)),
    ]


async def _create(request: web.Request) -> web.Response:
    given = asdict(await _read(request, NewIssuer))
    issuer = add_issuer(request.app[API], given.pop("name"), **given)
    return web.json_response(issuer | {"warnings": ["The server has no public_url."]}, status=201)


async def _show(request: web.Request) -> web.Response:
    return web.json_response(_known(request.app[API].issuers, "issuer", request.match_info["name"]))


async def _change(request: web.Request) -> web.Response:
    issuer = _known(request.app[API].issuers, "issuer", request.match_info["name"])
    given = asdict(await _read(request, IssuerChange))
    issuer.update({name: value for name, value in given.items() if value is not None})
    return web.json_response(issuer | {"warnings": []})


async def _remove(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    _known(request.app[API].issuers, "issuer", name)
    del request.app[API].issuers[name]
    return web.Response(status=204)


async def _revoke(request: web.Request) -> web.Response:
    issuer = _known(request.app[API].issuers, "issuer", request.match_info["name"])
    issuer["revoked"].append((await _read(request, NewRevocation)).serial.replace(":", "").lower())
    return web.json_response(issuer | {"warnings": []})


async def _restore(request: web.Request) -> web.Response:
    issuer = _known(request.app[API].issuers, "issuer", request.match_info["name"])
    if request.match_info["serial"] not in issuer["revoked"]:
        name, serial = request.match_info["name"], request.match_info["serial"]
        raise Refusal(404, f"Issuer {name!r} has no revoked certificate {serial}")
    issuer["revoked"].remove(request.match_info["serial"])
    return web.Response(status=204)


async def _test(request: web.Request) -> web.Response:
    _known(request.app[API].issuers, "issuer", request.match_info["name"])
    good = (await _read(request, TokenToTest)).token == "good"  # no secret, but the word
    failed = len(_CHECKS) if good else _CHECKS.index("signature")
    results = ["passed"] * failed + ["failed", *["not_reached"] * len(_CHECKS)]
    checks = [
        {"check": check, "result": result, "detail": "its signature is wrong" if result == "failed" else ""}
        for check, result in zip(_CHECKS, results, strict=False)
    ]
    groups = [{"claimed": "eng", "group": "developers"}, {"claimed": "ops", "group": None}]
    return web.json_response(
        {
            "accepted": good,
            "reason": None if good else "wrong_signature",
            "checks": checks,
            "user": "alice" if good else None,
            "creates_user": False,
            "email": "alice@example.com" if good else None,
            "client": None,
            "groups": groups if good else [],
            "groups_unknown": False,
            "expires_at": AT if good else None,
        }
    )
