"""A run's store in one SQLite file: one connection, used by one thread at a time, WAL, ``synchronous = FULL``."""

from pathlib import Path

from sparewatt_coordinator.store.sqlite.schema import connect
from sparewatt_coordinator.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore", "open"]


def open(path: Path, create: bool = False) -> SqliteStore:  # noqa: A001 - read as `sqlite.open`, like `gzip.open`
    """The store in the file at `path`, made when it does not exist and `create` is set.

    Raises:
        StorageError: ``storage.missing``, ``storage.full``, ``storage.damaged``, ``storage.unusable``,
            ``storage.newer``.
    """
    return SqliteStore(connect(path, create), path)
