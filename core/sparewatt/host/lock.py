"""Locks that end with the process that holds them, however it ends.

The file is never deleted: a lock on a deleted file would exclude nobody. Its content is the holder's process number,
for the words of an error only.
"""

import os
import re
import stat
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sparewatt.errors import ConflictError, StorageError

ENGINE_LOCK_FILE: Final = "engine.lock"
# Locks in them are opened without following links and hold nothing that matters.
SHARED_FOLDERS: Final = (Path("/run/lock"), Path("/tmp"))  # noqa: S108
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9._-]")
# Windows locks bytes, and a locked byte cannot be read: one far behind the process number is taken.
_LOCKED_BYTE: Final = 1 << 20


class FileLock:
    """An exclusive lock on a file, held from construction to `release` or the process's end.

    Args:
        path: the file; made when missing.
        conflict: error id of the refusal.
        parameters: of the refusal, besides ``pid`` (0 when unknown).
        mode: of the file when it is made.

    Raises:
        ConflictError: `conflict`, when somebody else holds it.
        StorageError: ``lock.unusable`` when the file cannot be made, or is no plain file.
    """

    def __init__(
        self, path: Path, conflict: str, parameters: dict[str, str | int] | None = None, *, mode: int = 0o600
    ) -> None:
        self._descriptor = _open(path, mode)
        if not _try_lock(self._descriptor):
            pid = _holder(self._descriptor)
            os.close(self._descriptor)
            raise ConflictError(conflict, **(parameters or {}), pid=pid)
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, b"%d\n" % os.getpid())

    def release(self) -> None:
        """Let go; harmless when done twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def engine_lock(folder: Path) -> FileLock:
    """The right to run as the engine of a data folder, or to write its settings.

    Raises:
        ConflictError: ``engine.running``.
        StorageError: ``lock.unusable``.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError("lock.unusable", path=str(folder), reason=error.strerror or "") from error
    return FileLock(folder / ENGINE_LOCK_FILE, "engine.running", {"folder": str(folder)})


def slot_lock(slot: str, folder: Path) -> FileLock:
    """The right to work on a device, across all users of the computer.

    Args:
        slot: as in `Device.slot`.
        folder: `machine_lock_folder`, the same for every user.

    Raises:
        ConflictError: ``device.busy``.
        StorageError: ``lock.unusable``.
    """
    name = f"sparewatt-{_NOT_IN_A_NAME.sub('_', slot)[:100]}.lock"
    return FileLock(folder / name, "device.busy", {"slot": slot}, mode=0o666)


class HeldSlots:
    """Slots that are held together."""

    def __init__(self, locks: tuple[FileLock, ...]) -> None:
        self._locks = locks

    def release(self) -> None:
        """Let go of all; harmless when done twice."""
        for lock in self._locks:
            lock.release()


def thread_slots(threads: int, of: int, folder: Path) -> HeldSlots:
    """The right to compute with some of the processor's threads: any `threads` free ones of its `of` slots.

    Raises:
        ConflictError: ``device.busy`` when fewer are free; then none is held.
        StorageError: ``lock.unusable``.
    """
    held: list[FileLock] = []
    for number in range(of):
        if len(held) == min(threads, of):
            break
        try:
            held.append(slot_lock(f"cpu-{number}", folder))
        except ConflictError:
            continue
    slots = HeldSlots(tuple(held))
    if len(held) < min(threads, of):
        slots.release()
        raise ConflictError("device.busy", slot="cpu")
    return slots


def machine_lock_folder(candidates: tuple[Path, ...] = SHARED_FOLDERS, windows: Path = Path("C:/ProgramData")) -> Path:
    """A folder in which every user of this computer can make files: the first that is open to all and sticky.

    Chosen by the folder's own mode and never by the user's environment, so that all users choose alike.

    Raises:
        StorageError: ``lock.unusable`` when there is none.
    """
    if sys.platform == "win32":
        return windows
    wanted = stat.S_ISVTX | stat.S_IWOTH
    for folder in candidates:
        try:
            if folder.stat().st_mode & wanted == wanted:
                return folder
        except FileNotFoundError:
            continue
    raise StorageError("lock.unusable", path=str(candidates[-1]), reason="")


def _open(path: Path, mode: int) -> int:
    # Making and opening are tried apart: Linux refuses O_CREAT on another user's file in a sticky folder
    # (fs.protected_regular), though that user may open it.
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        try:
            descriptor = os.open(path, flags)
        except FileNotFoundError:
            descriptor = _make(path, flags, mode)
    except OSError as error:
        raise StorageError("lock.unusable", path=str(path), reason=error.strerror or "") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise StorageError("lock.unusable", path=str(path), reason="")
    return descriptor


def _make(path: Path, flags: int, mode: int) -> int:
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:  # somebody else was faster
        return os.open(path, flags)
    if sys.platform != "win32":
        os.fchmod(descriptor, mode)  # the umask must not shut other users out
    return descriptor


def _try_lock(descriptor: int) -> bool:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> int:
    os.lseek(descriptor, 0, os.SEEK_SET)
    written = os.read(descriptor, 20).strip()
    return int(written) if written.isdigit() and len(written) <= 10 else 0
