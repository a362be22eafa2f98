"""What issuers say about users and groups by SCIM, and the names that they get here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.shared.names import check_name

MOST_RESOURCES: Final = 100_000
_UNNAMEABLE = re.compile(r"[^A-Za-z0-9._@+-]+")


class ScimKind(StrEnum):
    """The kinds of resources, as SCIM names them."""

    USER = "User"
    GROUP = "Group"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScimResource:
    """A user or a group as an issuer describes it; `resource_id` is the id of the user or the group of this server.

    `name_key` is the name without regard to case, by which SCIM compares. `active` is what the issuer says, of a group
    always true. `document` has the attributes, without those that this server keeps itself.
    """

    resource_id: str
    issuer_id: str
    kind: ScimKind
    name_key: str
    external_id: str | None
    active: bool
    document: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime


def described_group_name(issuer: Issuer, display_name: str) -> str:
    """Return the name here of a group that an issuer describes; signs that no name has become dashes.

    It always begins with the prefix of the issuer, so that it is never the name of another group. Raises
    InvalidInputError.
    """
    return check_name("group", f"{issuer.group_prefix}{_UNNAMEABLE.sub('-', display_name)}")
