"""``sparewatt-desktop``: the window and the icon in the tray."""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DATA_FOLDER_VARIABLE: Final = "SPAREWATT_DATA_FOLDER"


@dataclass(frozen=True)
class DesktopOptions:
    """Attributes:
    hidden: start in the tray, without a window, where there is a tray.
    engine: whether to start an engine when none runs.
    parent_pipe: quit when standard input ends, so that the window goes with the program that opened it.
    """

    data_folder: Path
    hidden: bool
    engine: bool
    parent_pipe: bool


def parse_options(arguments: Sequence[str], environment: dict[str, str]) -> DesktopOptions:
    """The options in a command line; ends the process with usage and exit code 2 on a bad one."""
    from sparewatt_desktop.platform.place import default_data_folder

    parser = argparse.ArgumentParser(prog="sparewatt-desktop", description="Lend spare GPU time to train open models.")
    parser.add_argument("--data-folder", type=Path, help="of the engine that is shown")
    parser.add_argument("--tray", action="store_true", help="start in the tray, without a window")
    parser.add_argument("--no-engine", action="store_true", help="do not start an engine when none runs")
    parser.add_argument("--parent-pipe", action="store_true", help="quit when standard input ends")
    parsed = parser.parse_args(arguments)
    told = environment.get(DATA_FOLDER_VARIABLE)
    folder = parsed.data_folder or (Path(told) if told else default_data_folder())
    return DesktopOptions(folder.expanduser().absolute(), parsed.tray, not parsed.no_engine, parsed.parent_pipe)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code (`docs/exit-codes.md`)."""
    options = parse_options(sys.argv[1:] if arguments is None else arguments, dict(os.environ))
    try:
        from PySide6.QtWidgets import QApplication
    except ImportError:
        from sparewatt.errors import UnavailableError
        from sparewatt.wording.errors import sentence

        error = UnavailableError("desktop.missing")
        print(sentence(error), file=sys.stderr)
        return error.exit_code
    application = QApplication(["sparewatt-desktop"])
    return run(application, options)


def run(application: "object", options: DesktopOptions) -> int:
    """Show the desktop until it is quit."""
    import importlib.metadata
    from typing import cast

    from PySide6.QtWidgets import QApplication

    from sparewatt.wording.catalogue import catalogue, language_of
    from sparewatt_desktop.accessible_roles import tell_roles
    from sparewatt_desktop.app import Desktop, DesktopParts, tray_available
    from sparewatt_desktop.bridge import Bridge
    from sparewatt_desktop.instance import Instance
    from sparewatt_desktop.language import languages, speak
    from sparewatt_desktop.look import Look
    from sparewatt_desktop.platform.engine_process import EngineProcess
    from sparewatt_desktop.platform.parent_pipe import ParentPipe
    from sparewatt_desktop.platform.place import place_of
    from sparewatt_desktop.preferences import Preferences, theme_of

    application = cast(QApplication, application)
    application.setApplicationName("Sparewatt")
    application.setDesktopFileName("sparewatt")
    application.setQuitOnLastWindowClosed(False)
    application.setStyle("Fusion")
    tell_roles()
    place = place_of(options.data_folder, os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir())
    instance = Instance(place.instance)
    if not instance.first():
        return 0
    preferences = Preferences(place.preferences)
    look = Look(application, theme_of(preferences.read(), application.styleHints().colorScheme()))
    words = catalogue(languages(preferences.read().language))
    speak(application, language_of(words))
    bridge = Bridge(place, EngineProcess(place), importlib.metadata.version("sparewatt"))
    desktop = Desktop(
        DesktopParts(
            application,
            bridge,
            look,
            preferences,
            words,
            tray_available(),
        )
    )
    instance.raise_asked.connect(desktop.window.raise_up)
    if options.parent_pipe:
        parent = ParentPipe()
        parent.ended.connect(desktop.quit)
        parent.watch()
    desktop.begin(hidden=options.hidden, start_engine=options.engine)
    return application.exec()


if __name__ == "__main__":
    sys.exit(main())
