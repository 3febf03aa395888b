"""What starts when a person logs on, and the one entry in the system's list that is ours.

The entry belongs to a data folder. Another program's entry of the same name is never read as ours nor touched.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from sparewatt.errors import ConflictError, SparewattError, StorageError

LogonChoice = Literal["off", "tray", "engine"]
LogonState = Literal["off", "tray", "engine", "stale", "foreign"]
ENTRY_BYTES_MOST: Final = 64 * 1024


@dataclass(frozen=True)
class LogonCommands:
    """Attributes:
    name: of the entry; a data folder has its own.
    tray, engine: the command that either choice starts, program first.
    """

    name: str
    data_folder: Path
    tray: tuple[str, ...]
    engine: tuple[str, ...]


class LogonEntry(Protocol):
    """The entry of one data folder."""

    def read(self) -> LogonState:
        """What would start at the next logon. ``stale``: our entry, but not the one that would be written now.
        ``foreign``: an entry of that name which is not ours.

        Raises:
            StorageError: ``logon.entry`` when it cannot be read.
        """
        ...

    def write(self, choice: LogonChoice) -> None:
        """Make or replace our entry, or remove it for ``off``; idempotent.

        Raises:
            ConflictError: ``logon.foreign``; nothing was touched.
            StorageError: ``logon.entry`` when it cannot be written.
            InputError: ``logon.length`` when the system has no room for the command.
        """
        ...


def settle(entry: LogonEntry, choice: LogonChoice) -> None:
    """Make the entry what the setting says; blocks. Another program's entry is no matter while nothing shall start.

    Raises:
        SparewattError: as of `LogonEntry.read` and `write`.
    """
    state = entry.read()
    if state != choice and (state, choice) != ("foreign", "off"):
        entry.write(choice)


def commands_for(data_folder: Path, default_folder: Path, executable: Path, digest: str) -> LogonCommands:
    """What to start for a data folder.

    Args:
        default_folder: the one that programs use which are told of none.
        executable: the absolute interpreter.
        digest: short name of the data folder, for entries of other folders.
    """
    usual = data_folder == default_folder
    named = () if usual else ("--data-folder", str(data_folder))
    # Beside python.exe stands pythonw.exe, which opens no console window.
    windowless = executable.with_name("pythonw.exe")
    interpreter = windowless if windowless.exists() else executable
    desktop = executable.with_name("sparewatt-desktop.exe" if executable.suffix == ".exe" else "sparewatt-desktop")
    window = (str(desktop),) if desktop.exists() else (str(interpreter), "-P", "-m", "sparewatt_desktop")
    return LogonCommands(
        name="sparewatt" if usual else f"sparewatt-{digest}",
        data_folder=data_folder,
        tray=(*window, "--tray", *named),
        engine=(str(interpreter), "-P", "-m", "sparewatt.engine", "--data-folder", str(data_folder)),
    )


def system_entry(commands: LogonCommands, environment: Mapping[str, str], home: Path) -> LogonEntry:
    """The entry in this system's list."""
    if sys.platform == "win32":
        from sparewatt.host.logon_windows import RunKey

        return RunKey(commands)
    if sys.platform == "darwin":
        from sparewatt.host.logon_macos import LaunchAgent

        return LaunchAgent(home / "Library" / "LaunchAgents", commands)
    from sparewatt.host.logon_linux import XdgAutostart, config_folder

    return XdgAutostart(config_folder(environment.get("XDG_CONFIG_HOME"), home), commands)


def read_entry(path: Path) -> bytes | None:
    """The entry's file, or None where there is none; empty for what is no plain file of a believable size.

    Raises:
        StorageError: ``logon.entry``.
    """
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            return b""
        with path.open("rb") as file:
            data = file.read(ENTRY_BYTES_MOST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise entry_error(str(path), error) from error
    return data if len(data) <= ENTRY_BYTES_MOST else b""


def entry_error(place: str, error: OSError) -> StorageError:
    """``logon.entry`` with the system's reason."""
    return StorageError("logon.entry", place=place, reason=error.strerror or os.strerror(error.errno or 0))


def foreign_error(place: str) -> SparewattError:
    return ConflictError("logon.foreign", place=place)
