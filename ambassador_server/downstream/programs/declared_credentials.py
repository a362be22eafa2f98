"""Checks whether a program can take the credentials that its entry declares."""

import re
from collections.abc import Collection
from typing import Final

from ambassador_server.domain.catalog.credential_needs import (
    PROGRAM_PLACES,
    CredentialField,
    CredentialNeeds,
    Place,
)
from ambassador_server.downstream.programs.allowed import redirects
from ambassador_server.downstream.programs.plan import MARK
from ambassador_server.errors import InvalidInputError

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def check_credentials_of_program(needs: CredentialNeeds, variables: Collection[str]) -> None:
    """Raise InvalidInputError for a credential of requests, and for a variable that is set already or runs code."""
    if needs.oauth is not None:
        raise InvalidInputError("Access by OAuth is for an MCP over HTTP, not for a program.")
    for field in needs.fields:
        if field.place not in PROGRAM_PLACES:
            raise InvalidInputError(
                f"Credential {field.name!r}: a program takes a place environment or argument, not {field.place}."
            )
        if field.place is Place.ENVIRONMENT:
            _check_variable(field, variables)


def _check_variable(field: CredentialField, variables: Collection[str]) -> None:
    if _VARIABLE.fullmatch(field.target) is None:
        raise InvalidInputError(f"Credential {field.name!r}: {field.target[:60]!r} is not a variable name.")
    if field.target in variables:
        raise InvalidInputError(f"Credential {field.name!r}: option 'env' sets {field.target} already.")
    if redirects(field.target) or field.target == MARK:
        raise InvalidInputError(
            f"Credential {field.name!r}: {field.target} decides which code a program runs, so no credential goes there."
        )
