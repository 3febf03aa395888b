"""Writing a small file of the person's so that after any crash it is whole: the old one or the new one."""

from pathlib import Path

from sparewatt.durable import make_folder, replace_file
from sparewatt.errors import StorageError


def write_whole(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, durable when this returns, readable by its owner alone.

    Raises:
        StorageError: ``settings.write`` with the system's reason.
    """
    try:
        make_folder(path.parent)
        replace_file(path, data)
    except OSError as error:
        raise StorageError("settings.write", path=str(path), reason=error.strerror or "") from error
