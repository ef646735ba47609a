"""The SQLite store, on apsw; imported only when a store of this kind is asked for."""

from .files import migrate
from .store import SqliteStore

__all__ = ["SqliteStore", "migrate"]
