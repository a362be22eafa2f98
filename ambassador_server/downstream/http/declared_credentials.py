"""Checks whether requests can carry the credentials that an entry declares."""

from typing import Final

from yarl import URL

from ambassador_server.domain.catalog.credential_needs import (
    PROGRAM_PLACES,
    CredentialField,
    CredentialNeeds,
    Place,
)
from ambassador_server.downstream.http.options import HttpOptions, is_free_header
from ambassador_server.errors import InvalidInputError

_AUTHORIZATION: Final = "authorization"
_LONGEST_PARAMETER: Final = 128


def check_credentials_of_requests(needs: CredentialNeeds, options: HttpOptions) -> None:
    """Raise InvalidInputError for a credential of programs, and for a header or parameter that is set already."""
    headers = {name.lower() for name in options.headers}
    if needs.oauth is not None:
        if _AUTHORIZATION in headers:
            raise InvalidInputError(
                "Access by OAuth sets the header Authorization, which option 'headers' sets, too."
            )
        headers.add(_AUTHORIZATION)
    for field in needs.fields:
        if field.place in PROGRAM_PLACES:
            raise InvalidInputError(
                f"Credential {field.name!r}: a request takes a place header or query, not {field.place}."
            )
        if field.place is Place.HEADER:
            _check_header(field, headers)
        else:
            _check_parameter(field, URL(options.url))


def _check_header(field: CredentialField, taken: set[str]) -> None:
    if not is_free_header(field.target):
        raise InvalidInputError(f"Credential {field.name!r} cannot set the header {field.target[:60]!r}.")
    if field.target.lower() in taken:
        raise InvalidInputError(
            f"Credential {field.name!r}: the header {field.target} is set already, by option 'headers' or by OAuth."
        )


def _check_parameter(field: CredentialField, url: URL) -> None:
    if not 0 < len(field.target) <= _LONGEST_PARAMETER or not field.target.isprintable():
        raise InvalidInputError(f"Credential {field.name!r} names no parameter of the query.")
    if field.target in url.query:
        raise InvalidInputError(
            f"Credential {field.name!r}: option 'url' sets the parameter {field.target} already."
        )
