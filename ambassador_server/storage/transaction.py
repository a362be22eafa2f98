"""One connection in one transaction, and the place where the errors of SQLAlchemy and the drivers end."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from typing import Any

from sqlalchemy import Delete, Insert, Row, Select, Update, delete, insert, select, update
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ambassador_server.errors import StorageError
from ambassador_server.storage.dialects import Dialect, Lock, Violation
from ambassador_server.storage.tables import policy_changes, policy_state

KEPT_VERSIONS = 1_000
"""For how many versions of the policy the store remembers what they changed."""

MAX_NOTES = 2_000
"""How many objects one transaction may name; one that touches more has changed everything."""

_EVERYTHING = "everything"


class RefusedError(Exception):
    """A constraint refused a row; the repository that wrote it knows what that means."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(violation.name)
        self.violation = violation


class Transaction:
    """What the repositories of one unit of work share."""

    def __init__(self, connection: AsyncConnection, dialect: Dialect, *, writes: bool) -> None:
        self.dialect = dialect
        self._connection = connection
        self._writes = writes
        self._held: set[Lock] = set()
        self._touched: dict[tuple[str, str], None] = {}
        self._broken = False

    async def rows(self, statement: Select[*tuple[Any, ...]]) -> Sequence[Row[*tuple[Any, ...]]]:
        """Run a query and return everything it finds."""
        with self._errors():
            return (await self._connection.execute(statement)).all()

    async def change(self, statement: Insert | Update | Delete, row: Mapping[str, Any] | None = None) -> int:
        """Run one write and return how many rows it met.

        Constraints are there for rows alone: RefusedError for one leaves the transaction usable.
        """
        self._check_writable()
        guard = nullcontext() if row is None else self.dialect.savepoint(self._connection)
        with self._errors():
            async with guard:
                return (await self._connection.execute(statement, row)).rowcount

    async def change_many(self, statement: Insert, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run one write for each row, in a few round trips."""
        self._check_writable()
        with self._errors():
            await self._connection.execute(statement, rows)

    async def queue(self, lock: Lock) -> None:
        """Be the only writer of this kind until the transaction ends; a reader queues for nothing."""
        if self._writes and lock not in self._held:
            with self._errors():
                await self.dialect.lock(self._connection, lock)
            self._held.add(lock)

    async def policy_version(self) -> int:
        """Return the policy version as this transaction sees it."""
        rows = await self.rows(select(policy_state.c.version))
        return int(rows[0][0])

    async def policy_changed(self, kind: str, item_id: str) -> None:
        """Raise the policy version, once however often this is called, and note which object was touched."""
        if not self._touched:
            await self.change(update(policy_state).values(version=policy_state.c.version + 1))
        self._touched[kind, item_id] = None

    async def complete(self) -> None:
        """Do what is left to do before the commit.

        Raises StorageError if a statement failed: some databases would drop the rest without a word.
        """
        if self._broken and self._writes:
            raise StorageError("Nothing was kept, because a statement of the transaction failed.")
        if self._touched:
            await self._note_changes()

    async def _note_changes(self) -> None:
        version = await self.policy_version()
        touched = self._touched if len(self._touched) <= MAX_NOTES else {(_EVERYTHING, ""): None}
        notes = [
            {"version": version, "number": number, "kind": kind, "item_id": item_id}
            for number, (kind, item_id) in enumerate(touched)
        ]
        await self.change_many(insert(policy_changes), notes)
        await self.change(delete(policy_changes).where(policy_changes.c.version <= version - KEPT_VERSIONS))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with foreign_errors(self.dialect):
                yield
        except RefusedError:
            raise
        except BaseException:  # a cancelled statement spoils the transaction as well
            self._broken = True
            raise

    def _check_writable(self) -> None:
        if not self._writes:
            raise StorageError("This unit of work only reads.")


@asynccontextmanager
async def transaction(
    engine: AsyncEngine, dialect: Dialect, *, writes: bool, durable: bool = True
) -> AsyncIterator[Transaction]:
    """Begin a transaction; commit on the way out, roll back on an exception and on cancellation."""
    async with begun(engine, dialect, writes=writes, durable=durable) as connection:
        unit = Transaction(connection, dialect, writes=writes)
        yield unit
        await unit.complete()


@asynccontextmanager
async def begun(
    engine: AsyncEngine, dialect: Dialect, *, writes: bool, durable: bool = True
) -> AsyncIterator[AsyncConnection]:
    """Do the same and hand out the bare connection."""
    with foreign_errors(dialect):
        connection = await engine.connect()
    try:
        with foreign_errors(dialect):
            await dialect.begin(connection, writes=writes, durable=durable)
        yield connection
        with foreign_errors(dialect):
            await connection.commit()
    finally:
        # Closing rolls back what was not committed, and a second cancellation must not stop it.
        await asyncio.shield(connection.close())


@contextmanager
def foreign_errors(dialect: Dialect) -> Iterator[None]:
    """Turn what SQLAlchemy and the drivers raise into StorageError, or RefusedError for a constraint."""
    try:
        yield
    except DBAPIError as error:
        violation = dialect.violation(error.driver_exception)
        if violation is not None:
            raise RefusedError(violation) from None
        raise StorageError(f"The database cannot be used: {dialect.cause(error.driver_exception)}.") from None
    except OSError as error:
        raise StorageError(
            f"The database does not answer: {error.strerror or type(error).__name__}."
        ) from None
    except (ValueError, LookupError, RecursionError):
        raise StorageError("The database holds a value that this version does not understand.") from None
    except SQLAlchemyError as error:
        raise StorageError(f"The database cannot be used: {type(error).__name__}.") from None
