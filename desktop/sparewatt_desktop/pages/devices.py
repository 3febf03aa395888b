"""The devices of this computer: what they do, what their sensors say, and whether they are lent."""

from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from sparewatt.control.messages import (
    Discover,
    ListPresets,
    ListSettings,
    PresetsReply,
    PresetValue,
    Reply,
    SetSetting,
    SettingsReply,
)
from sparewatt.errors import SparewattError
from sparewatt.settings.schema import DEVICE_USE
from sparewatt.snapshot import Snapshot
from sparewatt.wording.errors import sentence
from sparewatt_desktop.page import PageTools
from sparewatt_desktop.presentation.device_words import sensing_words
from sparewatt_desktop.presentation.preset_words import chosen_preset, preset_settings
from sparewatt_desktop.preset_setting import PresetSetting
from sparewatt_desktop.theme import SPACING
from sparewatt_desktop.widgets.device_card import DeviceCard
from sparewatt_desktop.widgets.layout import ScrollingPage, column
from sparewatt_desktop.widgets.text import Text


class DevicesPage(QWidget):
    """One card for each device; a device that goes takes its card along."""

    def __init__(self, tools: PageTools) -> None:
        super().__init__()
        self.setObjectName("page")
        self._tools = tools
        self._snapshot: Snapshot | None = None
        self._revision: int | None = None
        self._values: dict[str, str] = {}
        self._presets: dict[str, tuple[PresetValue, ...]] = {}
        self._preset_setting = PresetSetting(tools.commands, self._listed, self._not_set)
        self._cards: dict[str, DeviceCard] = {}
        self._asking = False
        self._build()

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        self._snapshot = snapshot
        self._again.setEnabled(snapshot is not None)
        for card in self._cards.values():
            card.setEnabled(snapshot is not None)
        gettext = self._tools.words.gettext
        if snapshot is None:
            self._notice.show_text(gettext("The engine cannot be heard, so nothing here is of now."))
            return
        self._notice.show_text(
            sensing_words(snapshot, self._tools.words)
            or (
                "" if snapshot.devices else gettext("No device was found yet. Look again after a driver was installed.")
            )
        )
        known = {device.device for device in snapshot.devices}
        for gone in self._cards.keys() - known:
            self._cards.pop(gone).deleteLater()
        for device in snapshot.devices:
            card = self._cards.get(device.device) or self._add(device.device)
            card.show_device(device, snapshot.taken_unix_s)
        if self._revision != snapshot.settings_revision or known - self._uses().keys():
            self._list()

    def _build(self) -> None:
        gettext = self._tools.words.gettext
        box = column(self, self._tools.look, spacing=0)
        scroll = ScrollingPage(self._tools.look, self)
        box.addWidget(scroll)
        top = QWidget()
        line = QHBoxLayout(top)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(Text(gettext("Devices"), "title", top), 1)
        self._again = QPushButton(gettext("Look again"), top)
        self._again.setToolTip(gettext("Look for devices and sensors again, for example after a driver was installed."))
        self._again.clicked.connect(self._look_again)
        line.addWidget(self._again)
        scroll.box.addWidget(top)
        self._notice = Text("", "quiet")
        self._notice.hide()
        scroll.box.addWidget(self._notice)
        cards = QWidget()
        self._cards_box = column(cards, self._tools.look, spacing=SPACING.large)
        scroll.box.addWidget(cards)
        scroll.box.addStretch(1)

    def _add(self, device: str) -> DeviceCard:
        card = DeviceCard(self._tools.look, self._tools.words)
        card.use_chosen.connect(lambda use: self._set_use(device, use))
        card.preset_chosen.connect(lambda preset: self._preset_setting.set(preset_settings(preset, device)))
        card.limits_asked.connect(lambda: self._tools.open_setting(f"speed_limit_percent@{device}"))
        self._cards[device] = card
        self._cards_box.addWidget(card)
        self._show_settings(device)
        return card

    def _uses(self) -> dict[str, str]:
        prefix = f"{DEVICE_USE.key}@"
        return {
            address.removeprefix(prefix): text for address, text in self._values.items() if address.startswith(prefix)
        }

    def _show_settings(self, device: str) -> None:
        card, use = self._cards[device], self._values.get(f"{DEVICE_USE.key}@{device}")
        if use is not None:
            card.show_use(use)
        presets = self._presets.get(device, ())
        card.show_presets(presets, chosen_preset(presets, device, self._values))

    def _look_again(self) -> None:
        self._notice.show_text(self._tools.words.gettext("Looking for devices and their sensors."))
        self._tools.commands.command(lambda id_: Discover(id=id_), self._refused)

    def _list(self) -> None:
        if not self._asking:
            self._asking = True
            ask = self._tools.commands.ask
            ask(lambda id_: ListSettings(id=id_), SettingsReply, self._listed, self._refused)
            ask(lambda id_: ListPresets(id=id_), PresetsReply, self._offered, self._refused)

    def _listed(self, reply: SettingsReply) -> None:
        self._asking = False
        self._revision = reply.revision
        self._values = {line.key: line.value for line in reply.settings}
        for device in self._cards:
            self._show_settings(device)

    def _offered(self, reply: PresetsReply) -> None:
        self._presets = {each.device: each.presets for each in reply.devices}
        for device in self._cards:
            self._show_settings(device)

    def _set_use(self, device: str, use: str) -> None:
        revision = self._revision
        if revision is None:
            return
        self._tools.commands.ask(
            lambda id_: SetSetting(id=id_, revision=revision, key=f"{DEVICE_USE.key}@{device}", value=use),
            Reply,
            lambda _: self._list(),
            self._not_set,
        )

    def _not_set(self, error: SparewattError) -> None:
        self._notice.show_text(sentence(error, self._tools.words))
        self._list()

    def _refused(self, error: SparewattError) -> None:
        self._asking = False
        self._notice.show_text(sentence(error, self._tools.words))
