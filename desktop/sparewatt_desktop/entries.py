"""The pages that there are, in the order of the rail. Each is imported when it is first shown."""

from PySide6.QtWidgets import QWidget

from sparewatt.wording.catalogue import Translations
from sparewatt_desktop.page import PageEntry, PageTools
from sparewatt_desktop.watching import EngineBridge, StateWatch


def page_entries(watch: StateWatch, engine: EngineBridge, translations: Translations) -> tuple[PageEntry, ...]:
    """All pages of the window."""
    gettext = translations.gettext

    def status(tools: PageTools) -> QWidget:
        from sparewatt_desktop.pages.status import StatusPage
        from sparewatt_desktop.pages.status_cards import LastReceiptsCard

        return StatusPage(tools, watch, engine, (LastReceiptsCard,))

    def join(tools: PageTools) -> QWidget:
        from sparewatt_desktop.pages.join import JoinPage

        return JoinPage(tools)

    def training(tools: PageTools) -> QWidget:
        from sparewatt_desktop.pages.training import TrainingPage

        return TrainingPage(tools)

    def devices(tools: PageTools) -> QWidget:
        from sparewatt_desktop.pages.devices import DevicesPage

        return DevicesPage(tools)

    def receipts(tools: PageTools) -> QWidget:
        from sparewatt_desktop.pages.receipts import ReceiptsPage

        return ReceiptsPage(tools)

    def energy(tools: PageTools) -> QWidget:
        from sparewatt_desktop.pages.energy import EnergyPage

        return EnergyPage(tools)

    def settings(tools: PageTools) -> QWidget:
        from sparewatt_desktop.pages.settings import SettingsPage

        return SettingsPage(tools)

    return (
        PageEntry("status", gettext("Status"), "status", status),
        PageEntry("join", gettext("Runs"), "join", join),
        PageEntry("training", gettext("Training"), "training", training),
        PageEntry("devices", gettext("Devices"), "devices", devices),
        PageEntry("receipts", gettext("Receipts"), "receipts", receipts),
        PageEntry("energy", gettext("Energy"), "energy", energy),
        PageEntry("settings", gettext("Settings"), "settings", settings),
    )
