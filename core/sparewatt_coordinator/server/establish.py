"""Turns a created run into a coordinator's data folder."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sparewatt.signing import Signed, digest, public_key_hex, sign
from sparewatt.work.manifest import ROTATION_KIND, Manifest, OnlineKey
from sparewatt.work.version import BlobRef
from sparewatt_coordinator.server.folder import DataFolder
from sparewatt_coordinator.store import sqlite
from sparewatt_coordinator.store.base import NewRun


def establish_run(
    folder: DataFolder,
    manifest: Manifest,
    signed: Signed,
    shards: tuple[BlobRef, ...],
    organiser_key: Ed25519PrivateKey,
    now_milliseconds: int,
) -> None:
    """Make an online key, have the organiser's key state it, and enter the run into a new store. Blocking.

    The run's blobs are in ``folder.blobs`` already. The organiser's key is used here and stored nowhere.

    Raises:
        ConflictError: ``coordinator.running``, ``key.exists`` or ``run.exists`` when the folder holds a run.
        StorageError: as the store and the folder.
        IntegrityError: when manifest, signature and shards do not fit together.
    """
    folder.make()
    lock = folder.lock()
    try:
        online = Ed25519PrivateKey.generate()
        folder.write_online_key(online)
        stated = OnlineKey(
            run=digest(manifest), sequence=0, key=public_key_hex(online), not_before_s=manifest.created_at_s
        )
        rotation = sign(ROTATION_KIND, stated, organiser_key)
        store = sqlite.open(folder.database, create=True)
        try:
            store.create_run(
                NewRun(signed, rotation, shards), lambda kind, value: sign(kind, value, online), now_milliseconds
            )
        finally:
            store.close()
    finally:
        lock.release()
