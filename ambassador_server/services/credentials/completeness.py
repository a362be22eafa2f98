"""Tells what is missing of a user's credential, from its state alone."""

from enum import StrEnum

from ambassador_server.domain.catalog.credential_needs import OAUTH_FIELD, CredentialNeeds
from ambassador_server.domain.people.credentials import CredentialStatus, UserCredential
from ambassador_server.ports.credentials import Missing, MissingBecause


class Completeness(StrEnum):
    """Whether calls can use a credential; a dead one was refused for good by the authorization server."""

    COMPLETE = "complete"
    MISSING = "missing"
    DEAD = "dead"


def lacking(needs: CredentialNeeds, given: UserCredential | None) -> Missing | None:
    """Return what a user has yet to do; None if nothing."""
    if given is not None and needs.needs_connect and given.status is CredentialStatus.DEAD:
        return Missing(because=MissingBecause.DEAD, needs_connect=True)
    has = () if given is None else given.fields
    fields = tuple(field.name for field in needs.user_fields if field.required and field.name not in has)
    needs_connect = needs.needs_connect and OAUTH_FIELD not in has
    if fields or needs_connect:
        return Missing(because=MissingBecause.NOT_GIVEN, fields=fields, needs_connect=needs_connect)
    return None


def completeness(needs: CredentialNeeds, given: UserCredential | None) -> Completeness:
    """Return the same as one word."""
    missing = lacking(needs, given)
    if missing is None:
        return Completeness.COMPLETE
    return Completeness.DEAD if missing.because is MissingBecause.DEAD else Completeness.MISSING
