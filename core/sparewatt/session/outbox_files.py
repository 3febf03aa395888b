"""The files beside the outbox's database, from which its rows can be made again.

    <folder>/updates/<assignment>.update    payload of a finished update
    <folder>/updates/<assignment>.header    the signed update and whose it is; written before the payload
    <folder>/runs/<run>.joined              the consent to a run

A payload counts from the moment it has its name here; its header is durable by then.
"""

import hashlib
import os
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from sparewatt.durable import make_folder, replace_file, storage_errors, sync_folder
from sparewatt.errors import IntegrityError
from sparewatt.plain_json import Unreadable, decoded
from sparewatt.session.joined import JoinedRun
from sparewatt.signing import Signed, verify
from sparewatt.work.update import UPDATE_KIND, Update
from sparewatt.work.version import BlobRef

HEADER_BYTES_MOST: Final = 1 << 16
READ_BYTES: Final = 1 << 20
T = TypeVar("T")


class OutboxRow(msgspec.Struct, frozen=True):
    """A finished update whose receipt is not stored yet."""

    run: str
    device: str
    assignment_id: str
    update: Signed
    payload: BlobRef

    def parsed(self) -> Update:
        """The update; raises IntegrityError when the row does not hold what was signed."""
        return verify(self.update, UPDATE_KIND, self.update.key, Update)


class OutboxFiles:
    """Durable when a method has returned; raises StorageError ``storage.full`` or ``storage.unusable``."""

    def __init__(self, folder: Path) -> None:
        self.updates: Final = folder / "updates"
        self.runs: Final = folder / "runs"
        with storage_errors(folder):
            make_folder(self.updates)
            make_folder(self.runs)

    def payload(self, assignment_id: str) -> Path:
        return self.updates / f"{assignment_id}.update"

    def header(self, assignment_id: str) -> Path:
        return self.updates / f"{assignment_id}.header"

    def take(self, row: OutboxRow, payload: Path) -> None:
        """Moves a payload in; on the same file system. Taking it again after a crash changes nothing.

        Raises:
            IntegrityError: ``update.payload`` when the file is not what the update says.
        """
        final = self.payload(row.assignment_id)
        with storage_errors(self.updates):
            source = payload if payload.exists() else final
            descriptor = os.open(source, os.O_RDWR)
            with os.fdopen(descriptor, "rb") as file:
                hasher = hashlib.sha256()
                while data := file.read(READ_BYTES):
                    hasher.update(data)
                if hasher.hexdigest() != row.payload.sha256 or file.tell() != row.payload.size:
                    raise IntegrityError("update.payload", assignment=row.assignment_id)
                os.fsync(file.fileno())
            replace_file(self.header(row.assignment_id), msgspec.json.encode(row))
            if source != final:
                source.replace(final)
            sync_folder(self.updates)

    def drop(self, assignment_id: str) -> None:
        """Deletes payload and header; the payload first, so that a header alone always means rubbish."""
        with storage_errors(self.updates):
            self.payload(assignment_id).unlink(missing_ok=True)
            self.header(assignment_id).unlink(missing_ok=True)

    def intact(self, row: OutboxRow) -> bool:
        """Whether the row's payload is here in its full length, and what was signed still holds."""
        try:
            row.parsed()
            return self.payload(row.assignment_id).stat().st_size == row.payload.size
        except (FileNotFoundError, IntegrityError):
            return False

    def found(self) -> tuple[dict[str, OutboxRow], tuple[str, ...]]:
        """Rows that the files hold, by assignment, and assignments of which only rubbish is left."""
        rows: dict[str, OutboxRow] = {}
        rubbish: set[str] = set()
        with storage_errors(self.updates):
            for torn in self.updates.glob("*.new"):
                torn.unlink(missing_ok=True)
            for path in self.updates.iterdir():
                row = _read(self.header(path.stem), OutboxRow)
                if row is not None and row.assignment_id == path.stem and self.intact(row):
                    rows[path.stem] = row
                else:
                    rubbish.add(path.stem)
        return rows, tuple(sorted(rubbish))

    def write_run(self, joined: JoinedRun) -> None:
        with storage_errors(self.runs):
            replace_file(self.runs / f"{joined.run}.joined", msgspec.json.encode(joined))

    def drop_run(self, run: str) -> None:
        with storage_errors(self.runs):
            (self.runs / f"{run}.joined").unlink(missing_ok=True)

    def found_runs(self) -> tuple[JoinedRun, ...]:
        """Every run whose file can be read."""
        with storage_errors(self.runs):
            read = [_read(path, JoinedRun) for path in sorted(self.runs.glob("*.joined"))]
        return tuple(each for each in read if each is not None)


def _read(path: Path, into: type[T]) -> T | None:
    """What a file of ours holds; None when it is not there, torn or something else."""
    try:
        data = path.read_bytes()
        return decoded(data, into)
    except (FileNotFoundError, Unreadable):
        return None
