"""A small model of what SCIM does: which requests are answered, and what then exists."""

from dataclasses import dataclass, field
from typing import Any

from tests.server.web.scim_server import GROUP, PATCH, USER

LOCAL = "local"
"""The name of the account and of the group that exist here without SCIM."""


@dataclass
class ModelUser:
    """A user as the model expects it."""

    name: str
    external_id: str | None
    display_name: str | None
    active: bool


@dataclass
class ModelGroup:
    """A group as the model expects it."""

    name: str
    members: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Request:
    """A request, and the status that the model expects; `known_id` is the id of the resource if it is known before."""

    method: str
    path: str
    body: Any
    status: int
    known_id: str | None = None


class ScimModel:
    """What one issuer describes; `of` gives a name that no other run uses."""

    def __init__(self, of: Any) -> None:
        self.of = of
        self.users: dict[str, ModelUser] = {}
        self.groups: dict[str, ModelGroup] = {}
        self.gone: dict[str, tuple[str, str | None]] = {}
        self.seen_users: list[str] = ["nobody"]
        self.seen_groups: list[str] = ["nothing"]

    def user_id(self, slot: int) -> str:
        """Return the id of a user that exists or existed, or one that no user has."""
        return self.seen_users[slot % len(self.seen_users)]

    def group_id(self, slot: int) -> str:
        """Return the id of a group that exists or existed, or one that no group has."""
        return self.seen_groups[slot % len(self.seen_groups)]

    def create_user(self, name: str, external_id: str | None, active: bool | None) -> Request:
        """Create a user."""
        name, external_id = self.of(name), external_id and self.of(external_id)
        body = {"schemas": [USER], "userName": name, "externalId": external_id, "active": active}
        known_id, known_external = self.gone.get(name, (None, external_id))
        fits = self._is_free(name, external_id, None) and known_external == external_id
        status = 201 if fits and name != self.of(LOCAL) else 409
        return Request("POST", "Users", body, status, known_id)

    def user_created(self, user_id: str, body: Any) -> None:
        """Tell the model which id a new user got."""
        self.gone.pop(body["userName"], None)
        self.users[user_id] = ModelUser(
            body["userName"], body["externalId"], None, body["active"] is not False
        )
        self.seen_users.append(user_id)

    def put_user(self, slot: int, name: str, external_id: str | None, active: bool | None) -> Request:
        """Replace a user; what is left out is removed, but for `active`."""
        user_id = self.user_id(slot)
        name, external_id = self.of(name), external_id and self.of(external_id)
        body: dict[str, Any] = {"schemas": [USER], "userName": name}
        if external_id is not None:
            body["externalId"] = external_id
        if active is not None:
            body["active"] = active
        status = self._change_user(user_id, name, external_id)
        if status == 200:
            before = self.users[user_id]
            self.users[user_id] = ModelUser(
                name, external_id, None, before.active if active is None else active
            )
        return Request("PUT", f"Users/{user_id}", body, status)

    def patch_user(self, slot: int, attribute: str, value: Any, how: str) -> Request:
        """Change or remove one attribute of a user."""
        user_id = self.user_id(slot)
        before = self.users.get(user_id)
        if attribute in {"userName", "externalId"} and value is not None:
            value = self.of(value)
        removes = how == "remove" or value is None
        operation: dict[str, Any] = {"op": how, "path": attribute}
        if how != "remove":
            operation |= {"value": value}
        if removes:
            value = None
        status = 404 if before is None else 204
        if (removes and attribute in {"userName", "active"}) or (how == "add" and value is None):
            status = 400 if attribute == "userName" or how == "add" or before is not None else 404
        elif before is not None:
            name = value if attribute == "userName" else before.name
            external_id = value if attribute == "externalId" else before.external_id
            status = 204 if self._change_user(user_id, name, external_id) == 200 else 409
            if status == 204:
                display_name = value if attribute == "displayName" else before.display_name
                active = value if attribute == "active" else before.active
                self.users[user_id] = ModelUser(name, external_id, display_name, active)
        return Request("PATCH", f"Users/{user_id}", _patch(operation), status)

    def delete_user(self, slot: int) -> Request:
        """Delete a user, who then leaves all groups."""
        user_id = self.user_id(slot)
        before = self.users.pop(user_id, None)
        if before is not None:
            self.gone[before.name] = user_id, before.external_id
            for group in self.groups.values():
                group.members.discard(user_id)
        return Request("DELETE", f"Users/{user_id}", None, 404 if before is None else 204)

    def create_group(self, name: str, slots: list[int]) -> Request:
        """Create a group."""
        name, members = self.of(name), [self.user_id(each) for each in slots]
        status = 201 if self._is_free_group(name, None) else 409
        if status == 201 and not self.users.keys() >= {*members}:
            status = 400
        body = {"schemas": [GROUP], "displayName": name, "members": _values(members)}
        return Request("POST", "Groups", body, status)

    def group_created(self, group_id: str, body: Any) -> None:
        """Tell the model which id a new group got."""
        members = {each["value"] for each in body["members"]}
        self.groups[group_id] = ModelGroup(body["displayName"], members)
        self.seen_groups.append(group_id)

    def put_group(self, slot: int, name: str, slots: list[int] | None) -> Request:
        """Replace a group; without members it has none."""
        group_id, name = self.group_id(slot), self.of(name)
        members = [self.user_id(each) for each in slots or ()]
        body: dict[str, Any] = {"schemas": [GROUP], "displayName": name}
        if slots is not None:
            body["members"] = _values(members)
        status = 404
        if group_id in self.groups:
            status = 200 if self._is_free_group(name, group_id) else 409
            if status == 200 and not self.users.keys() >= {*members} - self.groups[group_id].members:
                status = 400
        if status == 200:
            self.groups[group_id] = ModelGroup(name, {*members})
        return Request("PUT", f"Groups/{group_id}", body, status)

    def patch_group(self, slot: int, changes: list[tuple[str, list[int]]]) -> Request:
        """Change the members of a group, in several operations."""
        group_id = self.group_id(slot)
        group = self.groups.get(group_id)
        after = set() if group is None else {*group.members}
        operations: list[dict[str, Any]] = []
        for how, slots in changes:
            ids = [self.user_id(each) for each in slots]
            if how in {"add", "Add"}:
                after |= {*ids}
                operations.append({"op": how, "path": "members", "value": _values(ids)})
            elif how == "add without a path":
                after |= {*ids}
                operations.append({"op": "add", "value": {"members": _values(ids)}})
            elif how == "replace":
                after = {*ids}
                operations.append({"op": how, "path": "members", "value": _values(ids)})
            elif how == "remove a list":
                after -= {*ids}
                if ids:
                    operations.append({"op": "Remove", "path": "members", "value": _values(ids)})
            elif how == "remove all":
                after = set()
                operations.append({"op": "remove", "path": "members"})
            else:
                after -= {*ids}
                operations += [{"op": "remove", "path": f'members[value eq "{each}"]'} for each in ids]
        if not operations:
            operations = [{"op": "add", "path": "members", "value": []}]
        status = 404
        if group is not None:
            status = 204 if self.users.keys() | group.members >= after else 400
            group.members = after if status == 204 else group.members
        return Request("PATCH", f"Groups/{group_id}", _patch(*operations), status)

    def delete_group(self, slot: int) -> Request:
        """Delete a group."""
        group_id = self.group_id(slot)
        before = self.groups.pop(group_id, None)
        return Request("DELETE", f"Groups/{group_id}", None, 404 if before is None else 204)

    def _change_user(self, user_id: str, name: str, external_id: str | None) -> int:
        before = self.users.get(user_id)
        if before is None:
            return 404
        taken = name != before.name and (name in self.gone or name == self.of(LOCAL))
        return 200 if self._is_free(name, external_id, user_id) and not taken else 409

    def _is_free(self, name: str, external_id: str | None, own_id: str | None) -> bool:
        return not any(
            user.name == name or (external_id is not None and user.external_id == external_id)
            for user_id, user in self.users.items()
            if user_id != own_id
        )

    def _is_free_group(self, name: str, own_id: str | None) -> bool:
        taken = {group.name.replace(" ", "-") for key, group in self.groups.items() if key != own_id}
        return name.replace(" ", "-") not in taken | {self.of(LOCAL)}


def _values(ids: list[str]) -> list[dict[str, str]]:
    return [{"value": each} for each in ids]


def _patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": [PATCH], "Operations": list(operations)}
