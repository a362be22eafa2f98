"""How each kind of object maps to its table: the columns are named as the fields, the column types convert."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import Column, Row, Table

from ambassador_server.domain.administrator import AdminKey, Password
from ambassador_server.domain.catalog import Mcp
from ambassador_server.domain.grants import Grant, Subscription
from ambassador_server.domain.principal import ClientKey, Group, User
from ambassador_server.domain.session import Session
from ambassador_server.domain.switches import KillSwitch
from ambassador_server.storage import tables

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


@dataclass(frozen=True)
class Aggregate(Generic[T]):
    """One kind of object. `owners` says in words what its foreign keys point to."""

    kind: type[T]
    table: Table
    noun: str
    owners: str = ""
    is_policy: bool = True
    is_shared: bool = True
    """Whether administrators read it, decide, and write it back, so that writers must queue."""

    @cached_property
    def id_column(self) -> Column[str]:
        """Return the primary key."""
        (column,) = self.table.primary_key.columns
        return column

    @cached_property
    def order(self) -> tuple[Column[Any], ...]:
        """Return what `all` is ordered by: the natural name, else the time of creation, else the id."""
        if self.is_named:
            return (self.table.c.name,)
        return (
            (self.table.c.created_at, self.id_column) if "created_at" in self.table.c else (self.id_column,)
        )

    @cached_property
    def is_named(self) -> bool:
        """Tell whether objects have a natural name that no other has."""
        return "name" in self.table.c and bool(self.table.c.name.unique)

    def to_row(self, item: T) -> dict[str, Any]:
        """Return the values by column."""
        return {name: getattr(item, name) for name in self._names}

    def from_row(self, row: Row[*tuple[Any, ...]]) -> T:
        """Return the object."""
        return self.kind(**dict(zip(self._names, row, strict=True)))

    def label(self, item: T) -> str:
        """Name the object for a message."""
        name = getattr(item, "name", None) or getattr(item, self.id_column.name)
        return f"{self.noun} {name!r}"

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.table.columns)


USERS = Aggregate(User, tables.users, "user")
GROUPS = Aggregate(Group, tables.groups, "group")
CLIENT_KEYS = Aggregate(ClientKey, tables.client_keys, "client key", owners="user")
MCPS = Aggregate(Mcp, tables.mcps, "MCP")
GRANTS = Aggregate(Grant, tables.grants, "grant", owners="group or MCP")
KILL_SWITCHES = Aggregate(KillSwitch, tables.kill_switches, "kill switch")
SUBSCRIPTIONS = Aggregate(Subscription, tables.subscriptions, "subscription", owners="client key or MCP")
ADMIN_KEYS = Aggregate(AdminKey, tables.admin_keys, "admin key", owners="user", is_policy=False)
PASSWORDS = Aggregate(Password, tables.passwords, "password", owners="user", is_policy=False)
SESSIONS = Aggregate(
    Session, tables.sessions, "session", owners="user or client key", is_policy=False, is_shared=False
)
