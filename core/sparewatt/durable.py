"""Files that survive a power cut: written beside, fsynced, renamed, and the folder fsynced."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sparewatt.errors import StorageError

_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turns an OSError into ``storage.full`` or ``storage.unusable``, with the folder that it concerns."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageError("storage.full", folder=str(path)) from error
        raise StorageError("storage.unusable", folder=str(path), code=error.errno or 0) from error


def sync_folder(folder: Path) -> None:
    """Makes renames in `folder` durable; Windows has no such call and orders them in its journal."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """`folder` and its parents, 0700, durable in their parents."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def replace_file(path: Path, data: bytes) -> None:
    """`path` with exactly `data` and mode 0600, or as it was before; its folder exists."""
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that becomes `path` when the block is left, mode 0600; left by an error, `path` stays as it was
    and nothing else is left behind. Its folder exists."""
    beside = path.with_name(path.name + ".new")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def remove_file(path: Path) -> None:
    """`path` is gone for good when this returns; that it was not there is no error."""
    if path.exists():
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
