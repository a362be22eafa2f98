"""The issuers of the policy, and which groups of this server their groups mean."""

from collections.abc import Iterator, Mapping
from typing import Self

from msgspec import Struct

from ambassador_server.domain.people.groups import Group
from ambassador_server.domain.people.issuers import Issuer, KeySource
from ambassador_server.domain.people.principals import PresentedToken


class TrustedIssuers(Struct, frozen=True):
    """All issuers by id and by URL, those that are asked about opaque tokens, and all groups by name."""

    by_id: Mapping[str, Issuer]
    by_url: Mapping[str, Issuer]
    asked: tuple[Issuer, ...]
    group_ids_by_name: Mapping[str, str]

    @classmethod
    def of(cls, issuers: Mapping[str, Issuer], groups: Mapping[str, Group]) -> Self | None:
        """Index them; None without an issuer, so that requests have one thing to look at."""
        if not issuers:
            return None
        return cls(
            by_id=issuers,
            by_url={issuer.url: issuer for issuer in issuers.values()},
            asked=tuple(
                sorted(
                    (each for each in issuers.values() if each.key_source is KeySource.INTROSPECTION),
                    key=lambda issuer: len(issuer.token_prefix),
                    reverse=True,
                )
            ),
            group_ids_by_name={group.name: group_id for group_id, group in groups.items()},
        )

    def claimable(self) -> Iterator[tuple[Issuer, str, str]]:
        """Yield each claimed group that means a group of this server, with its issuer and the id of the group."""
        for issuer in self.by_id.values():
            for claimed, name in issuer.group_map.items():
                if name in self.group_ids_by_name:
                    yield issuer, claimed, self.group_ids_by_name[name]
            for name, group_id in self.group_ids_by_name.items():
                claimed = name.removeprefix(issuer.group_prefix)
                if claimed and claimed != name and claimed not in issuer.group_map:
                    yield issuer, claimed, group_id

    def with_keys(self) -> Iterator[Issuer]:
        """Yield the issuers that sign tokens, whose keys are needed."""
        return (each for each in self.by_id.values() if each.signs_tokens)

    def of_opaque(self, token: str) -> Issuer | None:
        """Return the only issuer that may be asked about a token that names none: that with the longest prefix."""
        return next((issuer for issuer in self.asked if token.startswith(issuer.token_prefix)), None)

    def group_ids(self, token: PresentedToken) -> Iterator[str]:
        """Yield the ids of the groups that a token means; a group that is not known means nothing."""
        issuer = self.by_id.get(token.issuer_id)
        if issuer is None:
            return
        for claimed in token.groups:
            group_id = self.group_ids_by_name.get(issuer.group_name(claimed))
            if group_id is not None:
                yield group_id
