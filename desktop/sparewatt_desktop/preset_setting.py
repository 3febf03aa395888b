"""Setting what a preset stands for: one setting after the other, each on the revision that the one before left."""

from collections.abc import Callable

from sparewatt.control.messages import ListSettings, Reply, SetSetting, SettingsReply
from sparewatt.errors import SparewattError
from sparewatt_desktop.page import Commands


class PresetSetting:
    """Sends the settings of one preset; another begins anew.

    Args:
        listed: gets the settings as they are after each step.
        refused: gets why a step was not taken; what was set before it stays.
    """

    def __init__(
        self, commands: Commands, listed: Callable[[SettingsReply], None], refused: Callable[[SparewattError], None]
    ) -> None:
        self._commands, self._listed, self._refused = commands, listed, refused
        self._wanted: dict[str, str] = {}

    def set(self, wanted: dict[str, str]) -> None:
        """Make the settings with these addresses these texts."""
        self._wanted = dict(wanted)
        self._list()

    def _list(self) -> None:
        self._commands.ask(lambda id_: ListSettings(id=id_), SettingsReply, self._next, self._ended)

    def _next(self, reply: SettingsReply) -> None:
        self._listed(reply)
        now = {line.key: line.value for line in reply.settings}
        # What has its value already, or is no setting of this device, needs no step.
        open_ = [address for address, text in self._wanted.items() if address in now and now[address] != text]
        if not open_:
            self._wanted = {}
            return
        address = open_[0]
        text = self._wanted.pop(address)
        self._commands.ask(
            lambda id_: SetSetting(id=id_, revision=reply.revision, key=address, value=text),
            Reply,
            lambda _: self._list(),
            self._ended,
        )

    def _ended(self, error: SparewattError) -> None:
        self._wanted = {}
        self._refused(error)
