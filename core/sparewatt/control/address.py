"""Where an engine listens: a pure function of the data folder and the places the system offers."""

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final, TypeAlias

# The kernel's limit is 108 bytes on Linux and 104 on macOS, with a zero at the end.
SOCKET_PATH_BYTES_MOST: Final = 100
_DIGEST_DIGITS: Final = 16
_PIPES: Final = "\\\\.\\pipe\\"


@dataclass(frozen=True)
class SocketAddress:
    """A Unix socket in a folder that belongs to its user alone."""

    folder: Path
    name: str

    @property
    def path(self) -> Path:
        return self.folder / self.name


@dataclass(frozen=True)
class PipeAddress:
    r"""A named pipe of Windows: ``\\\\.\\pipe\\…``."""

    name: str


Address: TypeAlias = SocketAddress | PipeAddress


def server_name(address: Address) -> str:
    """The one text that names it to the system, and to Qt's local socket."""
    return str(address.path) if isinstance(address, SocketAddress) else address.name


def address_named(text: str) -> Address:
    """The address whose `server_name` is `text`."""
    if text.startswith(_PIPES):
        return PipeAddress(text)
    path = Path(text)
    return SocketAddress(path.parent, path.name)


def socket_address(data_folder: Path, runtime_folder: str | None, temporary_folder: str, user: int) -> SocketAddress:
    """The socket of the engine of a data folder.

    Args:
        data_folder: absolute; only its hash shows in the address, so that a long one does no harm.
        runtime_folder: ``XDG_RUNTIME_DIR``, or None.
        temporary_folder: used when the runtime folder is missing or its name is too long.
        user: number of the user, in the name of the folder under the temporary one.
    """
    name = f"{folder_digest(data_folder)}.sock"
    if runtime_folder:
        preferred = SocketAddress(Path(runtime_folder) / "sparewatt", name)
        if len(bytes(preferred.path)) <= SOCKET_PATH_BYTES_MOST:
            return preferred
    return SocketAddress(Path(temporary_folder) / f"sparewatt-{user}", name)


def pipe_name(data_folder: PurePath, user: str) -> str:
    """Name of the Windows pipe of the engine of a data folder; `user` is the user's security identifier."""
    return f"{_PIPES}sparewatt-{user}-{folder_digest(data_folder)}"


def admin_pipe_name(data_folder: PurePath, user: str) -> str:
    """Name of the Windows pipe by which the coordinator of a data folder is steered; `user` as of `pipe_name`."""
    return f"{_PIPES}sparewatt-coordinator-{user}-{folder_digest(data_folder)}"


def folder_digest(data_folder: PurePath) -> str:
    """A short name for a folder; 64 bits, for one computer has few of them."""
    return hashlib.sha256(str(data_folder).encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_DIGITS]
