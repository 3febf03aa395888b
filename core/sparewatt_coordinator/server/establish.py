"""Turns a created run into a coordinator's data folder."""

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sparewatt.errors import IntegrityError
from sparewatt.signing import Signed, digest, public_key_hex, sign
from sparewatt.work.manifest import ROTATION_KIND, Manifest, OnlineKey
from sparewatt.work.version import BlobRef
from sparewatt_coordinator.server.folder import DataFolder
from sparewatt_coordinator.store import sqlite
from sparewatt_coordinator.store.base import NewRun, Store


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


def rotate_online_key(folder: DataFolder, organiser_key: Ed25519PrivateKey, now_milliseconds: int) -> OnlineKey:
    """Make a new online key and have the organiser's key state it; everything that was signed before stays valid.
    Blocking, while no coordinator runs.

    The next key is durable before the store states it, and takes its place after: a crash between loses neither.

    Raises:
        ConflictError: ``coordinator.running``.
        IntegrityError: ``key.other`` when the key is not that of the run's organiser.
        StorageError, UnavailableError: as the store and the folder.
    """
    lock = folder.lock()
    try:
        store = sqlite.open(folder.database)
        try:
            settle_online_key(folder, store)
            record = store.run()
            if public_key_hex(organiser_key) != record.manifest.run_key:
                raise IntegrityError("key.other")
            before = msgspec.json.decode(record.online_keys[-1].body, type=OnlineKey)
            online = Ed25519PrivateKey.generate()
            stated = OnlineKey(
                run=record.run,
                sequence=before.sequence + 1,
                key=public_key_hex(online),
                not_before_s=now_milliseconds // 1000,
            )
            folder.write_next_online_key(online)
            rotation = sign(ROTATION_KIND, stated, organiser_key)
            store.rotate_key(rotation, lambda kind, value: sign(kind, value, online), now_milliseconds)
            settle_online_key(folder, store)
        finally:
            store.close()
    finally:
        lock.release()
    return stated


def settle_online_key(folder: DataFolder, store: Store) -> None:
    """Finish or forget a rotation that was cut; whoever calls this holds the folder's lock."""
    newest = store.run().online_keys[-1]
    folder.settle_online_key(msgspec.json.decode(newest.body, type=OnlineKey).key)
