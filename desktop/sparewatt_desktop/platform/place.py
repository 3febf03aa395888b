"""Where this user's engine keeps its data and listens."""

from dataclasses import dataclass
from pathlib import Path

from sparewatt.control.address import SocketAddress, folder_digest, server_name
from sparewatt.control.local_socket import control_address


@dataclass(frozen=True)
class Place:
    """Attributes:
    data_folder: of the engine, absolute; it need not exist yet.
    server: what a local socket connects to: a path, or a pipe's name on Windows.
    socket_folder: must be this user's alone; None where the system checks who listens.
    """

    data_folder: Path
    server: str
    socket_folder: Path | None

    @property
    def start_log(self) -> Path:
        """What an engine says before it keeps its own log, or as it crashes."""
        return self.data_folder / "engine-start.log"

    @property
    def preferences(self) -> Path:
        return self.data_folder / "desktop.ini"

    @property
    def instance(self) -> str:
        """Name under which the one desktop of this data folder can be found."""
        return f"sparewatt-desktop-{folder_digest(self.data_folder)}"


def place_of(data_folder: Path, runtime_folder: str | None, temporary_folder: str) -> Place:
    """The place of an engine's data folder; the arguments are as of `control.address.socket_address`."""
    address = control_address(data_folder, runtime_folder, temporary_folder)
    return Place(data_folder, server_name(address), address.folder if isinstance(address, SocketAddress) else None)


def default_data_folder() -> Path:
    """The system's folder for data of this user's programs."""
    from platformdirs import user_data_path

    return user_data_path("sparewatt", appauthor=False)
