"""What every command needs to know of where it runs; settled once, from the command line and the environment."""

from dataclasses import dataclass
from pathlib import Path

import typer

DATA_FOLDER_VARIABLE = "SPAREWATT_DATA_FOLDER"


@dataclass(frozen=True)
class Surroundings:
    """Attributes:
    data_folder: of the engine that the command is about; it need not exist yet.
    """

    data_folder: Path

    @property
    def engine_log(self) -> Path:
        return self.data_folder / "engine.log"


def surroundings(context: typer.Context) -> Surroundings:
    """The surroundings that the program's entry put into the context of its command."""
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
