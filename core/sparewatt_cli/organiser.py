"""An organiser's files: the offline key of a run, and the folder that a coordinator serves."""

import shutil
import time
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sparewatt_coordinator.create.profile import SIZES, run_profile
from sparewatt_coordinator.create.run import CreatedRun, RunOptions, create_run

from sparewatt.blobs.folder import BlobFolder
from sparewatt.durable import make_folder, storage_errors
from sparewatt.errors import ConflictError, InputError
from sparewatt.signing import Signed, public_key_hex, sign
from sparewatt.work.manifest import ROTATION_KIND, OnlineKey
from sparewatt_coordinator.server.folder import RunFolder, read_online_key, write_online_key
from sparewatt_coordinator.store import sqlite
from sparewatt_coordinator.store.base import NewRun


class RunWords(msgspec.Struct, frozen=True):
    """What an organiser says of a run; every part is shown to contributors before they consent."""

    title: str
    purpose: str
    organiser: str
    licence: str
    description: str


def make_named_run(
    folder: Path,
    key_file: Path,
    text: Path,
    words: RunWords,
    *,
    size: str,
    contributors: int,
    tokens: int | None,
    seed: int,
) -> CreatedRun:
    """A run of one of the ready-made sizes.

    Raises:
        InputError: ``run.form``; others as of `make_run`.
    """
    named = next((each for each in SIZES if each == size), None)
    if named is None:
        raise InputError("run.form", option="--size", allowed=", ".join(SIZES))
    options = RunOptions(
        title=words.title,
        purpose=words.purpose,
        organiser=words.organiser,
        licence=words.licence,
        description=words.description,
        text=text,
        profile=run_profile(named, contributors, tokens),
        seed=seed,
    )
    return make_run(folder, key_file, options)


def make_run(folder: Path, key_file: Path, options: RunOptions) -> CreatedRun:
    """Make the folder of a new run, which a coordinator can serve from then on.

    Args:
        key_file: the organiser's offline key, made when there is none; it signs the manifest and the online key.

    Raises:
        ConflictError: ``run.exists`` when the folder holds something.
        InputError: ``key.inside`` for a key within the run's folder, or as `create_run`.
        IntegrityError: ``coordinator.key_permissions``, ``coordinator.key_damaged``.
        StorageError: as the stores.
    """
    root = folder.expanduser().absolute()
    key_path = key_file.expanduser().absolute()
    if root in key_path.parents:
        raise InputError("key.inside", path=str(key_path))
    if root.exists() and any(root.iterdir()):
        raise ConflictError("run.exists", folder=str(root))
    organiser = _organiser_key(key_path)
    try:
        return _make(RunFolder(root), organiser, options)
    except BaseException:
        # Half a run is of no use to anybody, and would be in the way of the next attempt.
        shutil.rmtree(root, ignore_errors=True)
        raise


def _make(folder: RunFolder, organiser: Ed25519PrivateKey, options: RunOptions) -> CreatedRun:
    now_milliseconds = round(time.time() * 1000)
    with folder.lock():
        created = create_run(options, BlobFolder(folder.blobs), organiser, now_milliseconds // 1000)
        online = Ed25519PrivateKey.generate()
        stated = OnlineKey(created.run, 1, public_key_hex(online), now_milliseconds // 1000)
        write_online_key(folder.online_key, online)

        def sign_online(kind: str, value: object) -> Signed:
            return sign(kind, value, online)

        store = sqlite.open(folder.store, create=True)
        try:
            new = NewRun(created.signed, sign(ROTATION_KIND, stated, organiser), created.shards)
            store.create_run(new, sign_online, now_milliseconds)
        finally:
            store.close()
    return created


def _organiser_key(path: Path) -> Ed25519PrivateKey:
    """The key in the file at `path`, made when there is none."""
    if path.exists():
        return read_online_key(path)
    key = Ed25519PrivateKey.generate()
    with storage_errors(path.parent):
        make_folder(path.parent)
    write_online_key(path, key)
    return key
