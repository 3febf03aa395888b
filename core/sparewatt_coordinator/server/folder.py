"""What lies where in a coordinator's data folder.

<data>/coordinator.sqlite3   the store
<data>/blobs/                shards, keyframes, patches, payloads, outer states, under their SHA-256
<data>/parts/                payloads on their way in
<data>/online.key            the online key: 64 hex digits, readable by its owner alone
<data>/coordinator.json      where the running coordinator listens
<data>/coordinator.lock      held while it runs
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sparewatt.durable import make_folder, storage_errors
from sparewatt.errors import IntegrityError, UnavailableError
from sparewatt.host.lock import FileLock


@dataclass(frozen=True)
class RunFolder:
    """A coordinator's data folder."""

    root: Path

    @property
    def store(self) -> Path:
        return self.root / "coordinator.sqlite3"

    @property
    def blobs(self) -> Path:
        return self.root / "blobs"

    @property
    def parts(self) -> Path:
        return self.root / "parts"

    @property
    def online_key(self) -> Path:
        return self.root / "online.key"

    def lock(self) -> FileLock:
        """The right to serve or to change this folder.

        Raises:
            ConflictError: ``coordinator.running``.
            StorageError: ``lock.unusable``.
        """
        with storage_errors(self.root):
            make_folder(self.root)
        return FileLock(self.root / "coordinator.lock", "coordinator.running", {"folder": str(self.root)})


def write_online_key(path: Path, key: Ed25519PrivateKey) -> None:
    """Keep the online key, readable by its owner alone; refuses to replace one.

    Raises:
        StorageError: ``storage.full`` or ``storage.unusable``.
    """
    with storage_errors(path.parent):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(key.private_bytes_raw().hex() + "\n")
            file.flush()
            os.fsync(file.fileno())


def read_online_key(path: Path) -> Ed25519PrivateKey:
    """The online key.

    Raises:
        UnavailableError: ``run.missing`` when there is none.
        IntegrityError: ``coordinator.key_permissions`` when others can read it, ``coordinator.key_damaged``.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError as error:
        raise UnavailableError("run.missing", folder=str(path.parent)) from error
    except OSError as error:
        raise IntegrityError("coordinator.key_permissions", path=str(path)) from error
    with os.fdopen(descriptor) as file:
        status = os.fstat(file.fileno())
        if os.name != "nt" and (status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077):
            raise IntegrityError("coordinator.key_permissions", path=str(path))
        text = file.read(128).strip()
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(text))
    except ValueError as error:
        raise IntegrityError("coordinator.key_damaged", path=str(path)) from error
