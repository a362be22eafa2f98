"""Runs statements in one transaction, and translates the errors of SQLAlchemy and the drivers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from typing import Any, TypeVar

from sqlalchemy import (
    CursorResult,
    Delete,
    Executable,
    Insert,
    Row,
    Select,
    Table,
    Update,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ambassador_server.errors import StorageError
from ambassador_server.storage.dialects import Dialect, Lock, Violation
from ambassador_server.storage.tables import policy_changes, policy_state

KEPT_VERSIONS = 1_000
"""The number of policy versions whose changes the store keeps."""

MAX_CHANGES = 2_000
"""The maximum number of changed objects that are recorded for a transaction; beyond it, all count as changed."""

_EVERYTHING = "everything"
_ROWS_AT_ONCE = 1_000

T = TypeVar("T")


class RefusedError(Exception):
    """A constraint refused a row; the repository turns this into an error for the caller."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(violation.name)
        self.violation = violation


class Transaction:
    """The transaction that the repositories of one unit of work share."""

    def __init__(self, connection: AsyncConnection, dialect: Dialect, *, writes: bool) -> None:
        self.dialect = dialect
        self._connection = connection
        self._writes = writes
        self._held: set[Lock] = set()
        self._touched: dict[tuple[str, str], None] = {}
        self._broken = False

    async def rows(self, statement: Select[*tuple[Any, ...]]) -> Sequence[Row[*tuple[Any, ...]]]:
        """Run a query and return all rows."""
        with self._errors():
            return (await self._execute(statement)).all()

    async def objects(
        self,
        statement: Select[*tuple[Any, ...]],
        read: Callable[[Row[*tuple[Any, ...]]], T],
        rows_at_once: int = _ROWS_AT_ONCE,
    ) -> list[T]:
        """Run a query and return an object for each row, as `visit` does."""
        found: list[T] = []
        await self.visit(statement, lambda portion: found.extend(map(read, portion)), rows_at_once)
        return found

    async def visit(
        self,
        statement: Select[*tuple[Any, ...]],
        take: Callable[[Sequence[Row[*tuple[Any, ...]]]], object],
        rows_at_once: int = _ROWS_AT_ONCE,
    ) -> None:
        """Run a query and hand its rows over in portions: those of a large table are never in memory all at once."""
        with self._errors():
            await self.dialect.run(self._stream(statement, take, rows_at_once))

    async def change(self, statement: Insert | Update | Delete, row: Mapping[str, Any] | None = None) -> int:
        """Run one write and return the number of affected rows; `row` holds the values of an INSERT or UPDATE.

        With `row`, a constraint that refuses it raises RefusedError and leaves the transaction usable.
        """
        self._check_writable()
        guard = nullcontext() if row is None else self.dialect.savepoint(self._connection)
        with self._errors():
            async with guard:
                return (await self._execute(statement, row)).rowcount

    async def change_many(
        self, statement: Insert, rows: Sequence[Mapping[str, Any]], *, refusable: bool = False
    ) -> None:
        """Run one write for all rows in few round trips.

        If it is `refusable`, a constraint that refuses a row raises RefusedError and leaves the transaction usable,
        with none of the rows.
        """
        self._check_writable()
        # Every database needs a savepoint here: the rows before the refused one are there already.
        guard = self._connection.begin_nested() if refusable else nullcontext()
        with self._errors():
            async with guard:
                await self._execute(statement, rows)

    async def insert_new(self, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert many rows with the least work for each, and skip those with a key that is taken."""
        self._check_writable()
        statement, parameters = self.dialect.insert_new(table, columns, rows)
        with self._errors():
            await self.dialect.run(self._connection.exec_driver_sql(statement, list(parameters)))

    async def queue(self, lock: Lock) -> None:
        """Wait until this is the only writer with this lock, and hold it to the end; does nothing for a reader."""
        if self._writes and lock not in self._held:
            with self._errors():
                await self.dialect.lock(self._connection, lock)
            self._held.add(lock)

    async def policy_version(self) -> int:
        """Return the policy version as this transaction sees it."""
        rows = await self.rows(select(policy_state.c.version))
        return int(rows[0][0])

    async def policy_changed(self, kind: str, item_id: str) -> None:
        """Record that this object changed; the first call increments the policy version."""
        if not self._touched:
            await self.change(update(policy_state).values(version=policy_state.c.version + 1))
        self._touched[kind, item_id] = None

    async def complete(self) -> None:
        """Store the recorded changes; called before the commit.

        Raises StorageError if a statement has failed, because some databases then discard the transaction silently.
        """
        if self._broken and self._writes:
            raise StorageError("Nothing was kept, because a statement of the transaction failed.")
        if self._touched:
            await self._record_changes()

    async def _record_changes(self) -> None:
        version = await self.policy_version()
        touched = self._touched if len(self._touched) <= MAX_CHANGES else {(_EVERYTHING, ""): None}
        rows = [
            {"version": version, "number": number, "kind": kind, "item_id": item_id}
            for number, (kind, item_id) in enumerate(touched)
        ]
        await self.change_many(insert(policy_changes), rows)
        await self.change(delete(policy_changes).where(policy_changes.c.version <= version - KEPT_VERSIONS))

    async def _stream(
        self,
        statement: Select[*tuple[Any, ...]],
        take: Callable[[Sequence[Row[*tuple[Any, ...]]]], object],
        rows_at_once: int,
    ) -> None:
        options = {"yield_per": rows_at_once}
        async with self._connection.stream(statement, execution_options=options) as result:
            async for portion in result.partitions():
                take(portion)

    async def _execute(
        self, statement: Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        return await self.dialect.run(self._connection.execute(statement, values))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with translated_errors(self.dialect):
                yield
        except RefusedError:
            raise
        except BaseException:  # after a cancelled statement the transaction cannot be used either
            self._broken = True
            raise

    def _check_writable(self) -> None:
        if not self._writes:
            raise StorageError("This unit of work only reads.")


@asynccontextmanager
async def open_transaction(
    engine: AsyncEngine, dialect: Dialect, *, writes: bool, durable: bool = True
) -> AsyncIterator[Transaction]:
    """Run the block in a transaction: commit at its end, roll back on an exception or a cancellation."""
    async with open_connection(engine, dialect, writes=writes, durable=durable) as connection:
        unit = Transaction(connection, dialect, writes=writes)
        yield unit
        await unit.complete()


@asynccontextmanager
async def open_connection(
    engine: AsyncEngine, dialect: Dialect, *, writes: bool, durable: bool = True
) -> AsyncIterator[AsyncConnection]:
    """Do the same as `open_transaction` with a connection of SQLAlchemy."""
    with translated_errors(dialect):
        connection = await dialect.connect(engine)
    try:
        with translated_errors(dialect):
            await dialect.run(dialect.begin(connection, writes=writes, durable=durable))
        yield connection
        with translated_errors(dialect):
            await dialect.run(connection.commit())
    finally:
        # Closing rolls back an uncommitted transaction; a second cancellation must not interrupt it.
        await asyncio.shield(connection.close())


@contextmanager
def translated_errors(dialect: Dialect) -> Iterator[None]:
    """Turn errors of SQLAlchemy and the drivers into StorageError, or RefusedError for a constraint."""
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
