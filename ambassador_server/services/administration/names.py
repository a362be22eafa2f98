"""Looks up the names of users, groups, keys and MCPs in the policy, without reading the database."""

from datetime import datetime

from ambassador_server.domain.people.administrators import Role
from ambassador_server.domain.policy.approval_requests import ApprovalRequest, RequestKind
from ambassador_server.domain.policy.grants import Grant
from ambassador_server.services.changes.policy_keeper import PolicyKeeper


class Names:
    """Finds names by id; None for an id that the policy does not have."""

    def __init__(self, policy: PolicyKeeper) -> None:
        self._policy = policy

    def user(self, user_id: str) -> str | None:
        """Return the name of a user."""
        user = self._policy.snapshot.users.get(user_id)
        return None if user is None else user.name

    def group(self, group_id: str) -> str | None:
        """Return the name of a group."""
        group = self._policy.snapshot.groups.get(group_id)
        return None if group is None else group.name

    def issuer(self, issuer_id: str | None) -> str | None:
        """Return the name of an issuer; None for None."""
        issuers = self._policy.snapshot.issuers
        found = None if issuer_id is None or issuers is None else issuers.by_id.get(issuer_id)
        return issuer_id if found is None else found.name

    def grantee(self, grant: Grant) -> str:
        """Return the kind and the name of whom a grant is for."""
        if grant.user_id is not None:
            return f"user {self.user(grant.user_id) or grant.user_id}"
        return f"group {self.group(grant.subject_id) or grant.subject_id}"

    def end_of_access(self, request: ApprovalRequest) -> datetime | None:
        """Return when the access ends that a request has given; None for another request, or without its grant."""
        if request.kind is not RequestKind.ACCESS or request.grant_id is None:
            return None
        grant = self._policy.snapshot.grants_by_id.get(request.grant_id)
        return None if grant is None else grant.expires_at

    def mcp(self, mcp_id: str) -> str | None:
        """Return the name of an MCP."""
        mcp = self._policy.snapshot.mcps.get(mcp_id)
        return None if mcp is None else mcp.name

    def key(self, key_id: str) -> str | None:
        """Return the name of a client key."""
        key = self._policy.snapshot.keys.get(key_id)
        return None if key is None else key.name

    def user_of_key(self, key_id: str) -> str | None:
        """Return the name of the user whose client key this is."""
        key = self._policy.snapshot.keys.get(key_id)
        return None if key is None else self.user(key.user_id)

    def groups_of(self, user_id: str) -> list[str]:
        """Return the names of a user's groups, sorted."""
        names = map(self.group, self._policy.snapshot.group_ids_of.get(user_id, ()))
        return sorted(name for name in names if name is not None)

    def members_of(self, group_id: str) -> list[str]:
        """Return the names of the users in a group, sorted."""
        names = map(self.user, self._policy.snapshot.user_ids_of.get(group_id, ()))
        return sorted(name for name in names if name is not None)

    def roles_of(self, user_id: str) -> tuple[Role, ...]:
        """Return the roles of a user; none for an unknown user."""
        user = self._policy.snapshot.users.get(user_id)
        return () if user is None else user.roles
