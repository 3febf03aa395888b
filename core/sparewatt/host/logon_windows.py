"""The Run key of the person's own part of the registry, whose commands Windows starts at logon."""

import subprocess
import sys
from typing import Final

from sparewatt.errors import InputError
from sparewatt.host.logon import LogonChoice, LogonCommands, LogonState, entry_error, foreign_error

RUN_KEY: Final = r"Software\Microsoft\Windows\CurrentVersion\Run"
# Microsoft documents: "the data value for a key is a command line no longer than 260 characters".
COMMAND_LENGTH_MOST: Final = 260


def command_line(commands: LogonCommands, choice: LogonChoice) -> str:
    """One line, quoted as Windows programs split it.

    Raises:
        InputError: ``logon.length``.
    """
    line = subprocess.list2cmdline(commands.tray if choice == "tray" else commands.engine)
    if len(line) > COMMAND_LENGTH_MOST:
        raise InputError("logon.length", length=len(line), most=COMMAND_LENGTH_MOST)
    return line


def state_of(found: object, commands: LogonCommands) -> LogonState:
    """What a value of the key says; None where there is none."""
    if found is None:
        return "off"
    if found == subprocess.list2cmdline(commands.tray):
        return "tray"
    if found == subprocess.list2cmdline(commands.engine):
        return "engine"
    # Whoever made it started one of our programs by it, from wherever Sparewatt was installed then.
    return "stale" if isinstance(found, str) and "sparewatt" in found.casefold() else "foreign"


if sys.platform == "win32":
    import winreg

    class RunKey:
        """See `LogonEntry`."""

        def __init__(self, commands: LogonCommands) -> None:
            self._commands = commands
            self._place = rf"HKEY_CURRENT_USER\{RUN_KEY}\{commands.name}"

        def read(self) -> LogonState:
            try:
                with winreg.OpenKey(winreg.HKEY_CURRENT_USER, RUN_KEY) as key:
                    found: object = winreg.QueryValueEx(key, self._commands.name)[0]
            except FileNotFoundError:
                found = None
            except OSError as error:
                raise entry_error(self._place, error) from error
            return state_of(found, self._commands)

        def write(self, choice: LogonChoice) -> None:
            state = self.read()
            if state == "foreign":
                raise foreign_error(self._place)
            if choice == state:
                return
            line = "" if choice == "off" else command_line(self._commands, choice)
            try:
                with winreg.CreateKey(winreg.HKEY_CURRENT_USER, RUN_KEY) as key:
                    if choice == "off":
                        winreg.DeleteValue(key, self._commands.name)
                    else:
                        winreg.SetValueEx(key, self._commands.name, 0, winreg.REG_SZ, line)
            except OSError as error:
                raise entry_error(self._place, error) from error
