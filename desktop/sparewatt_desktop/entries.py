"""The pages that there are, in the order of the rail. Each is imported when it is first shown."""

from PySide6.QtWidgets import QWidget

from sparewatt.wording.catalogue import Translations
from sparewatt_desktop.page import PageEntry, PageTools
from sparewatt_desktop.watching import EngineLink, StateWatch


def page_entries(watch: StateWatch, engine: EngineLink, translations: Translations) -> tuple[PageEntry, ...]:
    """All pages of the window."""
    gettext = translations.gettext

    def status(tools: PageTools) -> QWidget:
        from sparewatt_desktop.pages.status import StatusPage

        return StatusPage(tools, watch, engine)

    def join(tools: PageTools) -> QWidget:
        from sparewatt_desktop.pages.join import JoinPage

        return JoinPage(tools)

    return (
        PageEntry("status", gettext("Status"), "status", status),
        PageEntry("join", gettext("Runs"), "join", join),
    )
