"""Opening the file of a store: making it, recognising it, bringing it up to date."""

from __future__ import annotations

import os
from typing import Any

import apsw

from ...errors import StoreFormatError, StoreReadOnlyError, StoreUnavailableError
from .failing import translated
from .schema import APPLICATION_ID, FORMAT, MIGRATIONS, SCHEMA

#: The folder of the default file.
OWN_FOLDER = ".rune"
#: Milliseconds to wait for another process that is just making, migrating or recovering the file.
_OPENING = 10_000


def connect(path: str, sync: str) -> apsw.Connection:
    """A connection to a file that is there."""
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_EXRESCODE
    connection = apsw.Connection(path, flags=flags)
    connection.set_busy_timeout(_OPENING)
    # Else a statement that is given other bounds of a range is prepared anew, which takes longer
    # than to run it.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    connection.execute(f"PRAGMA synchronous={sync}")
    connection.wal_autocheckpoint(0)
    return connection


def prepare(path: str, sync: str, codec: str | None) -> apsw.Connection:
    """See to it that there is a store at ``path`` that this build can use; a connection to it.

    A file that is missing or empty is made, for its owner's eyes only, and with it the last folder
    of the path. Raises StoreUnavailableError, StoreReadOnlyError, StoreFormatError.
    """
    _make_file(path)
    try:
        connection = connect(path, sync)
        try:
            _check(connection, path, codec)
        except BaseException:
            connection.close()
            raise
    except apsw.Error as exc:
        raise translated(exc, path) from exc
    return connection


def _check(connection: apsw.Connection, path: str, codec: str | None) -> None:
    if connection.readonly("main"):
        raise StoreReadOnlyError(f"{path}: the file cannot be written")
    found = recognise(connection, path)
    if found == 0:
        _create(connection, path, codec)
    elif found < FORMAT:
        raise StoreFormatError(
            f"{path}: the store has format {found}, this build writes {FORMAT}; "
            "`rune store migrate` brings it up to date"
        )
    _check_codec(connection, path, codec)


def _make_file(path: str) -> None:
    folder = os.path.dirname(path) or "."
    try:
        if not os.path.exists(folder):
            os.mkdir(folder, 0o700)
            if os.path.basename(folder) == OWN_FOLDER:
                with open(os.path.join(folder, ".gitignore"), "w", encoding="ascii") as ignored:
                    ignored.write("*\n")  # jobs are no part of a project's source
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as exc:
        raise StoreUnavailableError(f"{path}: no store can be here: {exc.strerror}") from exc
    except OSError as exc:
        raise StoreReadOnlyError(f"{path}: it cannot be written: {exc.strerror}") from exc
    if not os.access(folder, os.W_OK):
        # Beside the file SQLite keeps two others, which whoever reads has to write, too.
        raise StoreReadOnlyError(f"{folder}: the folder of the store cannot be written")


def recognise(connection: apsw.Connection, path: str) -> int:
    """The format of the store in a file; 0 for an empty one."""
    application: Any = connection.pragma("application_id")
    found: Any = connection.pragma("user_version")
    if application != APPLICATION_ID:
        if application or found or connection.execute("SELECT 1 FROM sqlite_schema").fetchall():
            raise StoreUnavailableError(f"{path}: the database is not one of Runeskript")
        return 0
    if found > FORMAT:
        raise StoreFormatError(
            f"{path}: the store has format {found}, this build knows formats up to {FORMAT}; "
            "a newer Runeskript has written it"
        )
    return int(found)


def _create(connection: apsw.Connection, path: str, codec: str | None) -> None:
    mode = connection.pragma("journal_mode", "wal")
    if mode != "wal":
        raise StoreUnavailableError(f"{path}: this file system cannot hold a store (no WAL)")
    connection.execute("BEGIN IMMEDIATE")
    try:
        if recognise(connection, path) == 0:  # nobody else was quicker
            connection.execute(SCHEMA)
            _stamp(connection)
            if codec is not None:
                connection.execute("INSERT INTO meta VALUES('codec', ?)", (codec,))
        connection.execute("COMMIT")
    except BaseException:
        _undo(connection)
        raise


def _undo(connection: apsw.Connection) -> None:
    if connection.in_transaction:  # after some errors SQLite has done it itself
        connection.execute("ROLLBACK")


def _stamp(connection: apsw.Connection) -> None:
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={FORMAT}")


def _check_codec(connection: apsw.Connection, path: str, codec: str | None) -> None:
    rows = connection.execute("SELECT value FROM meta WHERE name='codec'").fetchall()
    found = rows[0][0] if rows else None
    if found != codec:
        raise StoreFormatError(
            f"{path}: the store is written with {_named(found)}, and opened with {_named(codec)}"
        )


def _named(codec: object) -> str:
    return "no codec" if codec is None else f"the codec {codec!r}"


def migrate(path: str, sync: str) -> tuple[int, int]:
    """Bring the file up to this build's format, all of it or nothing; (format before, after)."""
    if not os.path.exists(path):
        raise StoreUnavailableError(f"{path}: there is no store here")
    try:
        connection = connect(path, sync)
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                before = recognise(connection, path)
                if before == 0:
                    raise StoreUnavailableError(f"{path}: there is no store here")
                for step in MIGRATIONS[before:]:
                    connection.execute(step)
                _stamp(connection)
                connection.execute("COMMIT")
            except BaseException:
                _undo(connection)
                raise
        finally:
            connection.close()
    except apsw.Error as exc:
        raise translated(exc, path) from exc
    return before, FORMAT
