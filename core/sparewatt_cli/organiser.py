"""An organiser's files: the offline key of a run, and the folder that a coordinator serves."""

import os
import shutil
import time
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sparewatt.blobs.folder import BlobFolder
from sparewatt.durable import make_folder, replace_file, storage_errors
from sparewatt.errors import ConflictError, InputError, StorageError, UnavailableError
from sparewatt_coordinator.create.data import Progress, silent
from sparewatt_coordinator.create.run import CreatedRun, RunOptions, create_run
from sparewatt_coordinator.server.establish import establish_run, rotate_online_key
from sparewatt_coordinator.server.folder import DataFolder

# The signed manifest, beside the store: anybody may read it while a coordinator holds the store.
MANIFEST_FILE: Final = "manifest.json"


def make_run(folder: Path, key_file: Path, options: RunOptions, progress: Progress = silent) -> CreatedRun:
    """Make the folder of a new run, which a coordinator can serve from then on.

    Args:
        key_file: the organiser's offline key, made when there is none; it signs the manifest and the online key.

    Raises:
        ConflictError: ``run.exists`` when the folder holds something.
        InputError: ``key.inside`` for a key within the run's folder, or as `create_run`.
        StorageError: ``key.malformed``, or as the stores.
    """
    place = DataFolder(folder.expanduser())
    key_path = key_file.expanduser().absolute()
    if place.root in key_path.parents:
        raise InputError("key.inside", path=str(key_path))
    if place.root.exists() and any(place.root.iterdir()):
        raise ConflictError("run.exists", folder=str(place.root))
    had_key = key_path.exists()
    organiser = _organiser_key(key_path)
    now_milliseconds = round(time.time() * 1000)
    try:
        place.make()
        created = create_run(options, BlobFolder(place.blobs), organiser, now_milliseconds // 1000, progress)
        with storage_errors(place.root):
            replace_file(place.root / MANIFEST_FILE, msgspec.json.encode(created.signed))
        establish_run(place, created.manifest, created.signed, created.shards, organiser, now_milliseconds)
    except BaseException:
        # Half a run is of no use to anybody, and would be in the way of the next attempt.
        shutil.rmtree(place.root, ignore_errors=True)
        if not had_key:
            key_path.unlink(missing_ok=True)
        raise
    return created


def rotate_key(folder: Path, key_file: Path) -> None:
    """Give the run a new online key; see `establish.rotate_online_key`.

    Raises:
        StorageError: ``key.missing`` where there is no such file, or as `make_run`.
        UnavailableError: ``run.missing``.
    """
    place, key_path = DataFolder(folder.expanduser()), key_file.expanduser().absolute()
    if not place.database.is_file():
        raise UnavailableError("run.missing", folder=str(place.root))
    if not key_path.is_file():
        raise StorageError("key.missing", path=str(key_path))
    rotate_online_key(place, _organiser_key(key_path), round(time.time() * 1000))


def _organiser_key(path: Path) -> Ed25519PrivateKey:
    """The key in the file at `path` (64 hex digits, readable by its owner alone), made when there is none.

    Raises:
        InputError: ``key.mode``.
        StorageError: ``key.malformed``, ``storage.unusable``.
    """
    if not path.exists():
        return _new_organiser_key(path)
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise InputError("key.mode", path=str(path))
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text()))
    except (OSError, ValueError) as error:
        raise StorageError("key.malformed", path=str(path)) from error


def _new_organiser_key(path: Path) -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.generate()
    with storage_errors(path.parent):
        make_folder(path.parent)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(key.private_bytes_raw().hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
    return key
