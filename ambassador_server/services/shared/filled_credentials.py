"""Fills the values of a credential into the places that an MCP has declared for them."""

from collections.abc import Mapping

import msgspec

from ambassador_server.domain.catalog.credential_needs import VALUE, CredentialNeeds, Place
from ambassador_server.ports.credentials import Credential


def fill(needs: CredentialNeeds, values: Mapping[str, str], generation: str) -> Credential:
    """Return the credential that has these values by field; a field without a value is left out."""
    places: dict[Place, dict[str, str]] = {place: {} for place in Place}
    for each in needs.fields:
        if each.name in values:
            # An argument has no target; the fields keep their order.
            target = each.target or each.name
            places[each.place][target] = each.template.replace(VALUE, values[each.name])
    return Credential(
        generation=generation,
        environment=places[Place.ENVIRONMENT],
        arguments=tuple(places[Place.ARGUMENT].values()),
        headers=places[Place.HEADER],
        query=places[Place.QUERY],
        secrets=tuple(values[each.name] for each in needs.fields if each.secret and each.name in values),
    )


def with_token(credential: Credential, token: str, *, holder: str = "") -> Credential:
    """Return the credential with an access token of OAuth."""
    return msgspec.structs.replace(
        credential,
        holder=holder,
        headers={**credential.headers, "Authorization": f"Bearer {token}"},
        secrets=(*credential.secrets, token),
    )
