"""What the page of settings asks of the engine: lists, previews and saves, one setting after the other."""

from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal

from sparewatt.control.messages import (
    ListSettings,
    PreviewReply,
    PreviewSetting,
    Reply,
    SetSetting,
    SettingsReply,
)
from sparewatt.errors import SparewattError
from sparewatt.snapshot import Snapshot
from sparewatt.wording.catalogue import Translations
from sparewatt.wording.errors import sentence
from sparewatt_desktop.page import Commands
from sparewatt_desktop.presentation.setting_edits import Edits
from sparewatt_desktop.presentation.setting_words import changed_elsewhere_words, new_conflicts, preview_sentences

# A person pauses about this long between two thoughts; typing on does not ask each time.
PREVIEW_AFTER_MILLISECONDS: Final = 350


class SettingDesk(QObject):
    """Keeps what is stored and what is typed over it.

    Signals:
        changed: `edits` has changed.
        listed: the engine told its settings anew.
        previewed: an address, and what its typed value would do now.
        refused: an address, and why its value was not taken.
        told: a sentence about all of it, such as a conflict; empty when there is none any more.
    """

    changed = Signal()
    listed = Signal()
    previewed = Signal(str, str)
    refused = Signal(str, str)
    told = Signal(str)

    def __init__(self, commands: Commands, words: Translations, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._commands = commands
        self._words = words
        self._snapshot: Snapshot | None = None
        self._listed_devices: tuple[str, ...] | None = None
        self._asking = False
        self._unheard = False
        self._saving: list[str] = []
        self._to_preview: set[str] = set()
        self._preview_timer = QTimer(self)
        self._preview_timer.setSingleShot(True)
        self._preview_timer.setInterval(PREVIEW_AFTER_MILLISECONDS)
        self._preview_timer.timeout.connect(self._ask_previews)
        self.edits = Edits()

    def follow(self, snapshot: Snapshot | None) -> None:
        """List the settings where they or the devices are others than those that were listed."""
        self._snapshot = snapshot
        if snapshot is None:
            self._saving.clear()
        elif self.edits.revision != snapshot.settings_revision or self._listed_devices != _devices(snapshot):
            self._list()

    def typed(self, address: str, text: str) -> None:
        """The person wants this value; the stored one takes their wish back."""
        self.edits = self.edits.typed(address, text)
        self._to_preview.discard(address)
        if address in self.edits.unsaved:
            self._to_preview.add(address)
            self._preview_timer.start()
        self.changed.emit()

    def undo(self) -> None:
        """Forget what was typed."""
        self.edits = self.edits.undone()
        self._saving.clear()
        self._to_preview.clear()
        self.told.emit("")
        self.changed.emit()

    def save(self) -> None:
        """Save what was typed, each value with the revision that was seen."""
        if self._snapshot is None or self._saving or not self.edits.unsaved:
            return
        self.told.emit("")
        self._saving = list(self.edits.unsaved)
        self._save_next()

    def _list(self) -> None:
        if self._asking or self._snapshot is None:
            return
        self._asking = True
        devices = _devices(self._snapshot)

        def answered(reply: SettingsReply) -> None:
            self._asking = False
            if self._unheard:
                self._unheard = False
                self.told.emit("")
            self._listed_devices = devices
            self.edits = self.edits.listed(reply.revision, reply.settings)
            self.listed.emit()
            self.changed.emit()
            self._save_next()

        def refused(error: SparewattError) -> None:
            self._asking, self._unheard = False, True
            self._saving.clear()
            self.told.emit(sentence(error, self._words))

        self._commands.ask(lambda id_: ListSettings(id=id_), SettingsReply, answered, refused)

    def _ask_previews(self) -> None:
        for address in sorted(self._to_preview & self.edits.unsaved.keys()):
            self._ask_preview(address, self.edits.unsaved[address])
        self._to_preview.clear()

    def _ask_preview(self, address: str, text: str) -> None:
        def answered(reply: PreviewReply) -> None:
            snapshot = self._snapshot
            # What was typed since has a preview of its own on its way.
            if self.edits.unsaved.get(address) == text and snapshot is not None:
                told = preview_sentences(snapshot.devices, reply.devices, snapshot.taken_unix_s, self._words)
                conflicts = new_conflicts(snapshot.conflicts, reply.conflicts, self._words)
                self.previewed.emit(address, "\n".join((*told, *conflicts)))

        def refused(error: SparewattError) -> None:
            if self.edits.unsaved.get(address) == text:
                self.refused.emit(address, sentence(error, self._words))

        self._commands.ask(lambda id_: PreviewSetting(id=id_, key=address, value=text), PreviewReply, answered, refused)

    def _save_next(self) -> None:
        self._saving = [address for address in self._saving if address in self.edits.unsaved]
        if self._saving and self.edits.revision is not None:
            self._save_one(self._saving[0], self.edits.unsaved[self._saving[0]], self.edits.revision)

    def _save_one(self, address: str, text: str, revision: int) -> None:
        def answered(_: Reply) -> None:
            self.edits = self.edits.saved(address, text)
            self.changed.emit()
            self._list()

        def refused(error: SparewattError) -> None:
            self._saving.clear()
            if error.error_id == "settings.revision":
                self.told.emit(changed_elsewhere_words(self._words))
                self._list()
            else:
                words = sentence(error, self._words)
                self.refused.emit(address, words)
                self.told.emit(words)

        self._commands.ask(
            lambda id_: SetSetting(id=id_, revision=revision, key=address, value=text), Reply, answered, refused
        )


def _devices(snapshot: Snapshot) -> tuple[str, ...]:
    return tuple(device.device for device in snapshot.devices)
