"""The data folder of a coordinator and who holds it.

coordinator.sqlite3   the store of record
blobs/                content-addressed data, versions, payloads
online.key            seed of the run's online key, 64 hex digits, 0600
online.key.next       of the next one, while it is being entered into the store
tls.key, tls.crt       the certificate made here, where one is used
coordinator.lock      held by the running coordinator
coordinator.json      where it listens, while it runs
"""

import os
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sparewatt.control.address import SOCKET_PATH_BYTES_MOST, Address, PipeAddress, SocketAddress, admin_pipe_name
from sparewatt.durable import make_folder, replace_file, storage_errors, sync_folder
from sparewatt.errors import ConflictError, InputError, StorageError, UnavailableError
from sparewatt.host.user import user_identifier
from sparewatt.plain_json import Unreadable, decoded

KEY_MODE: Final = 0o600


class Running(msgspec.Struct, frozen=True):
    """What `coordinator.json` says.

    Attributes:
        url: as contributors are invited to it.
        admin: the admin channel's socket or pipe.
        listening: HOST:PORT of every listening socket.
    """

    pid: int
    url: str
    run: str
    admin: str
    listening: tuple[str, ...] = ()
    protection: str = "none"


class DataFolder:
    """Paths of one coordinator; nothing is made before it is needed."""

    def __init__(self, root: Path) -> None:
        self.root: Final = root.absolute()

    @property
    def database(self) -> Path:
        return self.root / "coordinator.sqlite3"

    @property
    def blobs(self) -> Path:
        return self.root / "blobs"

    @property
    def online_key(self) -> Path:
        return self.root / "online.key"

    @property
    def next_online_key(self) -> Path:
        return self.root / "online.key.next"

    @property
    def tls_key(self) -> Path:
        return self.root / "tls.key"

    @property
    def tls_certificate(self) -> Path:
        return self.root / "tls.crt"

    @property
    def running(self) -> Path:
        return self.root / "coordinator.json"

    def make(self) -> None:
        """The folder itself, 0700.

        Raises:
            StorageError: ``storage.unusable``.
        """
        with storage_errors(self.root):
            make_folder(self.root)
            if os.name == "posix":
                self.root.chmod(0o700)

    def lock(self) -> "FolderLock":
        """Raises ConflictError ``coordinator.running`` while another process holds it."""
        return FolderLock(self.root / "coordinator.lock")

    def write_online_key(self, key: Ed25519PrivateKey) -> None:
        """Raises ConflictError ``key.exists``: an online key is never overwritten."""
        self._write_key(self.online_key, key)

    def write_next_online_key(self, key: Ed25519PrivateKey) -> None:
        """Keep the next key until the store says that it speaks for the run; see `settle_online_key`."""
        with storage_errors(self.root):
            self.next_online_key.unlink(missing_ok=True)
        self._write_key(self.next_online_key, key)

    def settle_online_key(self, stated: str) -> None:
        """Finish a rotation that was cut anywhere: the key whose public half the store states is the online key.

        Args:
            stated: public key, 64 hex digits.
        """
        if not self.next_online_key.exists():
            return
        found = _read_key(self.next_online_key).public_key().public_bytes_raw().hex()
        with storage_errors(self.root):
            if found == stated:
                self.next_online_key.replace(self.online_key)
            else:
                self.next_online_key.unlink()
            sync_folder(self.root)

    def _write_key(self, path: Path, key: Ed25519PrivateKey) -> None:
        with storage_errors(self.root):
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, KEY_MODE)
            except FileExistsError as error:
                raise ConflictError("key.exists", path=str(path)) from error
            with os.fdopen(descriptor, "w") as file:
                file.write(key.private_bytes_raw().hex() + "\n")
                file.flush()
                os.fsync(file.fileno())

    def read_online_key(self) -> Ed25519PrivateKey:
        """Raises StorageError ``key.missing`` or ``key.malformed``; InputError ``key.mode`` when others can read it."""
        return _read_key(self.online_key)

    def say_running(self, running: Running) -> None:
        """Write `coordinator.json`, whole or not at all."""
        with storage_errors(self.root):
            replace_file(self.running, msgspec.json.encode(running))

    def read_running(self) -> Running:
        """Raises UnavailableError ``coordinator.not_running``."""
        try:
            return decoded(self.running.read_bytes(), Running)
        except (OSError, Unreadable) as error:
            raise UnavailableError("coordinator.not_running", path=str(self.root)) from error

    def admin_address(self) -> Address:
        """Where the coordinator can be steered: a pipe on Windows, else a socket in the folder, or in a new private
        folder where that name is too long."""
        if sys.platform == "win32":
            return PipeAddress(admin_pipe_name(self.root, user_identifier()))
        path = self.root / "admin.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MOST:
            return SocketAddress(path.parent, path.name)
        return SocketAddress(Path(tempfile.mkdtemp(prefix="sparewatt-")), f"{secrets.token_hex(4)}.sock")


class FolderLock:
    """Held from construction to `release`, or to the end of the process however it ends."""

    def __init__(self, path: Path) -> None:
        with storage_errors(path.parent):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, KEY_MODE)
        try:
            _lock(self._descriptor)
        except OSError as error:
            os.close(self._descriptor)
            raise ConflictError("coordinator.running", folder=str(path.parent)) from error

    def release(self) -> None:
        os.close(self._descriptor)


def _read_key(path: Path) -> Ed25519PrivateKey:
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise InputError("key.mode", path=str(path))
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text()))
    except FileNotFoundError as error:
        raise StorageError("key.missing", path=str(path)) from error
    except (OSError, ValueError) as error:
        raise StorageError("key.malformed", path=str(path)) from error


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
