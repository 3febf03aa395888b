"""The parts of a Windows named pipe that are values: flags, who may open it, what an error of it means.

Numbers are those of the Windows SDK (winbase.h, winnt.h, winerror.h).
"""

from typing import Final

from sparewatt.errors import ConflictError, RefusedError, SparewattError, StorageError, UnavailableError

PIPE_ACCESS_DUPLEX: Final = 0x0000_0003
FILE_FLAG_FIRST_PIPE_INSTANCE: Final = 0x0008_0000
FILE_FLAG_OVERLAPPED: Final = 0x4000_0000
SECURITY_SQOS_PRESENT: Final = 0x0010_0000
SECURITY_IDENTIFICATION: Final = 0x0001_0000
PIPE_TYPE_BYTE: Final = 0x0
PIPE_READMODE_BYTE: Final = 0x0
PIPE_WAIT: Final = 0x0
PIPE_REJECT_REMOTE_CLIENTS: Final = 0x8
PIPE_UNLIMITED_INSTANCES: Final = 255

PIPE_MODE: Final = PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS
# A server may learn who its client is and nothing more: without the two it could act in the client's name.
CLIENT_FLAGS: Final = FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION

ERROR_FILE_NOT_FOUND: Final = 2
ERROR_ACCESS_DENIED: Final = 5
ERROR_PIPE_BUSY: Final = 231

SYSTEM_SID: Final = "S-1-5-18"


def open_mode(*, first: bool) -> int:
    """How an instance of the pipe is made; the first one fails where somebody else has the name already."""
    return PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | (FILE_FLAG_FIRST_PIPE_INSTANCE if first else 0)


def security_descriptor(user: str) -> str:
    """The pipe is `user`'s; that user and the system itself may do everything with it, nobody else anything (SDDL)."""
    return f"O:{user}D:P(A;;GA;;;{user})(A;;GA;;;SY)"


def check_server_user(server: str, own: str) -> None:
    """Believe only an own process or one of the system's.

    Raises:
        RefusedError: ``control.peer``.
    """
    if server not in (own, SYSTEM_SID):
        raise RefusedError("control.peer", user=server)


def listen_failure(code: int, name: str, reason: str) -> SparewattError:
    """What it means that no first instance could be made."""
    if code in (ERROR_ACCESS_DENIED, ERROR_PIPE_BUSY):
        return ConflictError("control.pipe", name=name)
    return StorageError("control.socket", path=name, reason=reason)


def connect_failure(code: int, name: str) -> SparewattError:
    """What it means that a pipe could not be opened, but for `ERROR_PIPE_BUSY`, which passes."""
    if code == ERROR_ACCESS_DENIED:
        return ConflictError("control.pipe", name=name)
    return UnavailableError("engine.not_running")
