"""Writing a small file so that after any crash it is whole: the old one or the new one."""

import os
from pathlib import Path

from sparewatt.errors import StorageError


def write_whole(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, durable when this returns, readable by its owner alone.

    Raises:
        StorageError: ``settings.write`` with the system's reason.
    """
    temporary = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise StorageError("settings.write", path=str(path), reason=error.strerror or "") from error


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows offers no sync of a folder; its rename is journalled
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
