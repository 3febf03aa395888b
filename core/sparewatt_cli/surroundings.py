"""What every command needs to know of where it runs; settled once, from the command line and the environment."""

import os
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from sparewatt_cli.language import languages

if TYPE_CHECKING:
    from sparewatt.control.address import Address
    from sparewatt.wording.catalogue import Translations

DATA_FOLDER_VARIABLE: Final = "SPAREWATT_DATA_FOLDER"


@dataclass(frozen=True)
class Surroundings:
    """Attributes:
    data_folder: of the engine that the command is about, absolute; it need not exist yet.
    runtime_folder: where the system keeps sockets of this user, if it says so.
    languages: names of catalogues that the person reads, the best first.
    """

    data_folder: Path
    runtime_folder: str | None
    temporary_folder: str
    languages: tuple[str, ...] = ()

    @cached_property
    def words(self) -> "Translations":
        """The sentences of the person's language."""
        from sparewatt.wording.catalogue import catalogue

        return catalogue(self.languages)

    @property
    def engine_log(self) -> Path:
        return self.data_folder / "engine.log"

    @property
    def start_log(self) -> Path:
        """What a background engine says before it keeps a log, or as it crashes."""
        return self.data_folder / "engine-start.log"

    def control_address(self, data_folder: Path | None = None) -> "Address":
        """Where the engine of a data folder (default: the command's) listens."""
        from sparewatt.control.local_socket import control_address

        folder = data_folder if data_folder is not None else self.data_folder
        return control_address(folder, self.runtime_folder, self.temporary_folder)


def settle(data_folder: Path | None) -> Surroundings:
    """The surroundings of this process; `data_folder` is what the command line says, if it says anything."""
    folder = data_folder if data_folder is not None else default_data_folder()
    return Surroundings(
        data_folder=folder.expanduser().absolute(),
        runtime_folder=os.environ.get("XDG_RUNTIME_DIR"),
        temporary_folder=tempfile.gettempdir(),
        languages=languages(os.environ),
    )


def surroundings(context: typer.Context) -> Surroundings:
    """The surroundings that the app's callback put into the context of its command."""
    found = context.find_object(Surroundings)
    assert found is not None, "the app's callback runs before every command"
    return found


def default_data_folder() -> Path:
    """The system's folder for data of this user's programs."""
    from platformdirs import user_data_path

    return user_data_path("sparewatt", appauthor=False)


def home_shortened(path: Path | str) -> str:
    """A path without the user's name in it: the home folder is ``~``."""
    text, home = str(path), str(Path.home())
    return "~" + text[len(home) :] if text == home or text.startswith((home + "/", home + "\\")) else text
