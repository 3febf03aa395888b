"""Doing what an action says."""

from collections.abc import Callable

from sparewatt.errors import SparewattError
from sparewatt.wording.catalogue import Translations
from sparewatt.wording.errors import sentence
from sparewatt_desktop.actions import Action, Engine, OpenPage, OpenSetting, Send
from sparewatt_desktop.page import Commands
from sparewatt_desktop.watching import EngineBridge


class Performer:
    """Sends, opens or starts what an action names.

    Args:
        told: gets the sentence of a command that was refused.
    """

    def __init__(
        self,
        commands: Commands,
        engine: EngineBridge,
        open_page: Callable[[str], None],
        open_setting: Callable[[str], None],
        translations: Translations,
        told: Callable[[str], None],
    ) -> None:
        self._commands, self._engine = commands, engine
        self._open_page, self._open_setting = open_page, open_setting
        self._translations, self._told = translations, told

    def perform(self, action: Action) -> None:
        match action:
            case Send():
                self._commands.command(action.make, self._refused)
            case OpenSetting():
                self._open_setting(action.address)
            case OpenPage():
                self._open_page(action.page)
            case Engine(_, "start"):
                self._engine.start_engine()
            case Engine(_, "replace"):
                self._engine.replace_engine()
            case Engine():
                self._engine.look_again()

    def _refused(self, error: SparewattError) -> None:
        self._told(sentence(error, self._translations))
