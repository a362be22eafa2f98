"""Views of where people sign in, which both listeners show to callers without a credential."""

from collections.abc import Iterable

from ambassador_protocol.sign_in import LoginIssuer, LoginIssuers, SignIn
from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.login_places import LoginPlace
from ambassador_server.domain.people.principals import Origin
from ambassador_server.services.sign_in.organisation_proof import Presented

SIGN_IN_BYTES = 24 * 1024
"""The most that a body may have: an ID token of 16 KiB and the rest."""


def login_issuers(found: Iterable[tuple[Issuer, LoginPlace | None]]) -> LoginIssuers:
    """Convert issuers and their endpoints."""
    return LoginIssuers(issuers=[_view(issuer, place) for issuer, place in found])


def presented(body: SignIn, origin: Origin) -> Presented:
    """Convert what a command presents."""
    return Presented(token=body.id_token, nonce=body.nonce, origin=origin)


def _view(issuer: Issuer, place: LoginPlace | None) -> LoginIssuer:
    return LoginIssuer(
        name=issuer.name,
        url=issuer.url,
        client_id=issuer.login_client_id or "",
        scopes=list(issuer.login_scopes),
        authorization_endpoint=None if place is None else place.authorization_endpoint,
        token_endpoint=None if place is None else place.token_endpoint,
        device_endpoint=None if place is None else place.device_endpoint,
        names_itself=place is not None and place.names_itself,
    )
