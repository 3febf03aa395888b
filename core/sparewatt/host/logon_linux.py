"""XDG autostart: a ``.desktop`` file that desktop sessions start (Desktop Application Autostart Specification 0.5)."""

from pathlib import Path
from typing import Final

from sparewatt.durable import make_folder, replace_file
from sparewatt.host.logon import LogonChoice, LogonCommands, LogonState, entry_error, foreign_error, read_entry

_OWNER_KEY: Final = "X-Sparewatt-DataFolder"
# Inside double quotes these are escaped by a backslash (Desktop Entry Specification 1.5, "The Exec key").
_ESCAPED_IN_QUOTES: Final = ('"', "`", "$", "\\")


def config_folder(xdg_config_home: str | None, home: Path) -> Path:
    """The person's own autostart folder; a relative ``XDG_CONFIG_HOME`` is invalid by its specification and ignored."""
    given = Path(xdg_config_home or "")
    return (given if given.is_absolute() else home / ".config") / "autostart"


class XdgAutostart:
    """See `LogonEntry`. `folder` is made when it is needed."""

    def __init__(self, folder: Path, commands: LogonCommands) -> None:
        self._path = folder / f"{commands.name}.desktop"
        self._commands = commands

    def read(self) -> LogonState:
        found = read_entry(self._path)
        if found is None:
            return "off"
        text = found.decode("utf-8", "replace")
        if text == desktop_entry(self._commands, "tray"):
            return "tray"
        if text == desktop_entry(self._commands, "engine"):
            return "engine"
        return "stale" if _owner_line(self._commands) in text.splitlines() else "foreign"

    def write(self, choice: LogonChoice) -> None:
        if self.read() == "foreign":
            raise foreign_error(str(self._path))
        try:
            if choice == "off":
                self._path.unlink(missing_ok=True)
            else:
                make_folder(self._path.parent)
                replace_file(self._path, desktop_entry(self._commands, choice).encode())
        except OSError as error:
            raise entry_error(str(self._path), error) from error


def desktop_entry(commands: LogonCommands, choice: LogonChoice) -> str:
    """The whole file."""
    command = commands.tray if choice == "tray" else commands.engine
    lines = [
        "[Desktop Entry]",
        "Type=Application",
        "Version=1.5",
        "Name=Sparewatt",
        "Comment=Contribute idle GPU time to the training of open AI models",
        f"Exec={exec_value(command)}",
        "Terminal=false",
        "NoDisplay=true",
        _owner_line(commands),
    ]
    return "\n".join(lines) + "\n"


def exec_value(command: tuple[str, ...]) -> str:
    """A command as the value of ``Exec``: each argument quoted, field codes made literal, then escaped as a string."""
    return string_value(" ".join(_quoted(argument) for argument in command))


def string_value(text: str) -> str:
    """Text as the value of a key, in one line."""
    escapes = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return "".join(escapes.get(character, character) for character in text)


def _quoted(argument: str) -> str:
    text = argument.replace("%", "%%")
    return '"' + "".join(f"\\{each}" if each in _ESCAPED_IN_QUOTES else each for each in text) + '"'


def _owner_line(commands: LogonCommands) -> str:
    return f"{_OWNER_KEY}={string_value(str(commands.data_folder))}"
