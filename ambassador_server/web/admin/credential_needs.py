"""Converts the wire form of what credentials an MCP needs."""

from dataclasses import fields

from ambassador_protocol.admin.credential_needs import CredentialFieldBody, CredentialsBody, OAuthBody
from ambassador_server.domain.catalog.credential_needs import (
    CredentialField,
    CredentialNeeds,
    GrantType,
    OAuthNeeds,
    Place,
    SubjectType,
)
from ambassador_server.web.requests import choice


def credential_needs(body: CredentialsBody) -> CredentialNeeds:
    """Convert the wire form to CredentialNeeds, which are not checked yet; raises InvalidInputError."""
    return CredentialNeeds(
        fields=tuple(map(_field, body.fields)), oauth=None if body.oauth is None else _oauth(body.oauth)
    )


def _field(body: CredentialFieldBody) -> CredentialField:
    members = {each.name: getattr(body, each.name) for each in fields(body)}
    return CredentialField(**members | {"place": choice(Place, body.place, "place")})


def _oauth(body: OAuthBody) -> OAuthNeeds:
    members = {each.name: getattr(body, each.name) for each in fields(body)}
    grant = choice(GrantType, body.grant, "grant")
    subject_type = choice(SubjectType, body.subject_type, "subject_type")
    converted = {"grant": grant, "scopes": tuple(body.scopes), "subject_type": subject_type}
    return OAuthNeeds(**members | converted)
