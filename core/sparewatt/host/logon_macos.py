"""A LaunchAgent: a property list that launchd loads when its user logs on (see launchd.plist(5))."""

import plistlib
from pathlib import Path
from typing import Final
from xml.parsers.expat import ExpatError

from sparewatt.durable import make_folder, replace_file
from sparewatt.host.logon import LogonChoice, LogonCommands, LogonState, entry_error, foreign_error, read_entry

_PREFIX: Final = "org.sparewatt."
PropertyList = dict[str, object]


class LaunchAgent:
    """See `LogonEntry`. It takes effect at the next logon: nothing is loaded or unloaded now."""

    def __init__(self, folder: Path, commands: LogonCommands) -> None:
        self._path = folder / f"{label(commands)}.plist"
        self._commands = commands

    def read(self) -> LogonState:
        found = read_entry(self._path)
        if found is None:
            return "off"
        agent = parsed(found)
        if agent == launch_agent(self._commands, "tray"):
            return "tray"
        if agent == launch_agent(self._commands, "engine"):
            return "engine"
        return "stale" if agent.get("Label") == label(self._commands) else "foreign"

    def write(self, choice: LogonChoice) -> None:
        if self.read() == "foreign":
            raise foreign_error(str(self._path))
        try:
            if choice == "off":
                self._path.unlink(missing_ok=True)
            else:
                make_folder(self._path.parent)
                replace_file(self._path, plistlib.dumps(launch_agent(self._commands, choice)))
        except OSError as error:
            raise entry_error(str(self._path), error) from error


def label(commands: LogonCommands) -> str:
    return _PREFIX + commands.name


def launch_agent(commands: LogonCommands, choice: LogonChoice) -> PropertyList:
    """The whole property list. ``Aqua`` is a person's own session, in which idle time can be seen."""
    return {
        "Label": label(commands),
        "ProgramArguments": list(commands.tray if choice == "tray" else commands.engine),
        "RunAtLoad": True,
        "LimitLoadToSessionType": "Aqua",
        "ProcessType": "Interactive" if choice == "tray" else "Background",
    }


def parsed(data: bytes) -> PropertyList:
    """A property list of any kind; empty when it is none."""
    try:
        found: object = plistlib.loads(data)
    except (ValueError, ExpatError):
        return {}
    return found if isinstance(found, dict) else {}
