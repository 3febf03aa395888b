"""A contributor's one identity and the place that keeps it, chosen once.

    <folder>/identity.json   the place, and a fingerprint of what it keeps
    <folder>/identity.key    the secret itself, only where there is no keyring (or it was asked for)

What was chosen once is never chosen again: when it cannot be read, the engine waits and says so.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import msgspec

from sparewatt.durable import make_folder, replace_file, storage_errors, sync_folder
from sparewatt.errors import IntegrityError, UnavailableError
from sparewatt.host.user import user_number
from sparewatt.keys.derive import SECRET_BYTES, MasterSecret
from sparewatt.keys.helper import Request
from sparewatt.keys.keyring import SERVICE, Keyring
from sparewatt.plain_json import Unreadable, decoded

Place = Literal["keyring", "file"]
LABEL: Final = "Sparewatt contributor key, not encrypted: whoever reads this line can act as you."
KEY_FILE_BYTES_MOST: Final = 512


class Chosen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The choice as recorded; `account` names the entry in the keyring."""

    place: Place
    account: str
    fingerprint: str


class ContributorIdentity(msgspec.Struct, frozen=True):
    """The secret and where it is kept."""

    secret: MasterSecret
    place: Place


def open_identity(
    folder: Path,
    keyring: Keyring,
    random_bytes: Callable[[int], bytes],
    place: Literal["file"] | None = None,
) -> ContributorIdentity:
    """The identity of this (computer, user); made at the first time. Blocking, up to 30 s at the first time.

    Args:
        folder: the data folder.
        random_bytes: source of the secret, `secrets.token_bytes` outside tests.
        place: ``file`` forbids the keyring when the identity is made here, for throw-away data folders.

    Raises:
        UnavailableError: ``keys.keyring_locked``: it is in a keyring that does not give it now.
        IntegrityError: ``keys.damaged``, ``keys.mismatch`` when the place keeps another secret, or
            ``keys.permissions`` when others could read or replace the file.
        StorageError: ``storage.full`` or ``storage.unusable``.
    """
    with storage_errors(folder):
        make_folder(folder)
    chosen = _chosen(folder)
    if chosen is None:
        return _choose(folder, keyring, random_bytes, place)
    if chosen.place == "file":
        secret = _read_key_file(folder)
        if secret is None:
            raise IntegrityError("keys.damaged", file="identity.key")
    else:
        secret = _ask_keyring(keyring, chosen.account)
    if secret.fingerprint() != chosen.fingerprint:
        raise IntegrityError("keys.mismatch")
    return ContributorIdentity(secret=secret, place=chosen.place)


def erase_identity(folder: Path, keyring: Keyring) -> None:
    """Forgets the identity for ever, because the person asked for it.

    Raises:
        UnavailableError: ``keys.keyring_locked``; nothing was erased then.
    """
    chosen = _chosen(folder)
    if chosen is not None and chosen.place == "keyring":
        answer = keyring.ask(Request(operation="delete", service=SERVICE, account=chosen.account))
        if answer is None or answer.outcome not in ("done", "missing"):
            raise UnavailableError("keys.keyring_locked", outcome=answer.outcome if answer else "no_answer")
    with storage_errors(folder):
        (folder / "identity.key").unlink(missing_ok=True)
        (folder / "identity.json").unlink(missing_ok=True)
        sync_folder(folder)


def _choose(
    folder: Path, keyring: Keyring, random_bytes: Callable[[int], bytes], forced: Literal["file"] | None
) -> ContributorIdentity:
    # A key file without a record is what a crash left between the two; it is the identity.
    secret = _read_key_file(folder)
    place: Place = "file"
    account = random_bytes(16).hex()
    if secret is None:
        secret = MasterSecret(random_bytes(SECRET_BYTES))
        if forced is None and _put_into_keyring(keyring, account, secret):
            place = "keyring"
        else:
            _write_key_file(folder, secret)
    chosen = Chosen(place=place, account=account, fingerprint=secret.fingerprint())
    with storage_errors(folder):
        replace_file(folder / "identity.json", msgspec.json.encode(chosen))
    return ContributorIdentity(secret=secret, place=place)


def _put_into_keyring(keyring: Keyring, account: str, secret: MasterSecret) -> bool:
    """Whether the keyring keeps the secret: it is read back before anything relies on it."""
    value = secret.reveal().hex()
    put = keyring.ask(Request(operation="set", service=SERVICE, account=account, secret=value))
    if put is None or put.outcome != "done":
        return False
    read = keyring.ask(Request(operation="get", service=SERVICE, account=account))
    return read is not None and read.secret == value


def _ask_keyring(keyring: Keyring, account: str) -> MasterSecret:
    answer = keyring.ask(Request(operation="get", service=SERVICE, account=account))
    if answer is None or answer.outcome != "found" or answer.secret is None:
        raise UnavailableError("keys.keyring_locked", outcome=answer.outcome if answer else "no_answer")
    return _parse(answer.secret, "keyring")


def _chosen(folder: Path) -> Chosen | None:
    try:
        with storage_errors(folder):
            data = (folder / "identity.json").read_bytes() if (folder / "identity.json").exists() else None
        return None if data is None else decoded(data, Chosen)
    except Unreadable as error:
        raise IntegrityError("keys.damaged", file="identity.json") from error


def _read_key_file(folder: Path) -> MasterSecret | None:
    path = folder / "identity.key"
    with storage_errors(folder):
        if not path.is_symlink() and not path.exists():
            return None
        if path.is_symlink():
            raise IntegrityError("keys.permissions", file=path.name)
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or (os.name != "nt" and not _is_private(status)):
                raise IntegrityError("keys.permissions", file=path.name)
            lines = file.read(KEY_FILE_BYTES_MOST).decode(errors="replace").splitlines()
    return _parse(lines[-1] if lines else "", path.name)


def _is_private(status: os.stat_result) -> bool:
    return status.st_uid == user_number() and not status.st_mode & 0o077


def _write_key_file(folder: Path, secret: MasterSecret) -> None:
    """Written in full under another name first, so that a torn file never looks like an identity."""
    with storage_errors(folder):
        replace_file(folder / "identity.key", f"{LABEL}\n{secret.reveal().hex()}\n".encode())


def _parse(text: str, where: str) -> MasterSecret:
    try:
        return MasterSecret(bytes.fromhex(text))
    except ValueError as error:
        raise IntegrityError("keys.damaged", file=where) from error
