"""Requests to `/v1/admin/issuers`."""

from ambassador_admin.api.request import Request, body_of, get, subpath
from ambassador_protocol.admin.issuers import IssuerChange, NewIssuer, NewRevocation, TokenToTest
from ambassador_protocol.paths import ISSUERS

_MISSING = "ambassador-admin issuer list"


def list_all() -> Request:
    """List the issuers."""
    return get(ISSUERS)


def show(name: str) -> Request:
    """Show one issuer."""
    return get(subpath(ISSUERS, name), missing_hint=_MISSING)


def create(issuer: NewIssuer) -> Request:
    """Add an issuer."""
    return Request(
        method="POST",
        path=ISSUERS,
        body=body_of(issuer),
        missing_hint="ambassador-admin group list",
        conflict_hint=_MISSING,
    )


def update(name: str, change: IssuerChange) -> Request:
    """Change an issuer."""
    return Request(
        method="PATCH",
        path=subpath(ISSUERS, name),
        body=body_of(change),
        missing_hint=_MISSING,
        conflict_hint=_MISSING,
    )


def remove(name: str) -> Request:
    """Remove an issuer."""
    return Request(method="DELETE", path=subpath(ISSUERS, name), missing_hint=_MISSING)


def revoke(name: str, serial: str) -> Request:
    """Believe a certificate of an authority no more."""
    return Request(
        method="POST",
        path=subpath(ISSUERS, name, "revoked"),
        body=body_of(NewRevocation(serial=serial)),
        missing_hint=_MISSING,
    )


def restore(name: str, serial: str) -> Request:
    """Believe a revoked certificate again."""
    return Request(
        method="DELETE",
        path=subpath(ISSUERS, name, "revoked", serial),
        missing_hint=f"ambassador-admin issuer show {name} -o yaml",
    )


def test_headers(name: str, headers: dict[str, str]) -> Request:
    """Explain what headers of a gateway would become."""
    return Request(
        method="POST",
        path=subpath(ISSUERS, name, "test"),
        body=body_of(TokenToTest(headers=headers)),
        missing_hint=_MISSING,
        connects=True,
    )


def test(name: str, token: str) -> Request:
    """Explain what a token would become; the token is never shown."""
    return Request(
        method="POST",
        path=subpath(ISSUERS, name, "test"),
        body=body_of(TokenToTest(token=token)),
        shown={"token": "[not shown]"},
        missing_hint=_MISSING,
        connects=True,
    )
