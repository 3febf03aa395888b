"""What a page is, and what it may ask of the engine and of the window."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

import msgspec
from PySide6.QtWidgets import QWidget

from sparewatt.control.messages import Request
from sparewatt.errors import SparewattError
from sparewatt.snapshot import Snapshot
from sparewatt.wording.catalogue import Translations
from sparewatt_desktop.look import Look

Wanted = TypeVar("Wanted", bound=msgspec.Struct)


class Commands(Protocol):
    """The engine as a page sees it. Nothing here blocks: answers arrive later on the UI thread."""

    def ask(
        self,
        make: Callable[[int], Request],
        wanted: type[Wanted],
        answered: Callable[[Wanted], None],
        refused: Callable[[SparewattError], None],
    ) -> None:
        """Send a request and hear what comes of it; exactly one of the two callables is called, once.

        Args:
            make: the request with the given id, such as ``lambda id: GetSnapshot(id=id)``.
            wanted: the class of the answer.
            refused: gets the engine's error, or UnavailableError ``engine.not_running``, ``engine.silent``,
                ``engine.version``.
        """
        ...

    def command(self, make: Callable[[int], Request], refused: Callable[[SparewattError], None]) -> None:
        """Send a command whose success shows in a later snapshot."""
        ...


class Page(Protocol):
    """One page of the window; a QWidget that is shown whole snapshots and holds no decision of its own."""

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        """Show this state; None while no engine can be heard. Called only while the page is visible, and once as it
        becomes so."""
        ...


@runtime_checkable
class ShowsSettings(Protocol):
    """A page that can be opened at one setting."""

    def show_setting(self, key: str) -> None:
        """Bring the setting with this address into view and give it the focus."""
        ...


@dataclass(frozen=True)
class PageTools:
    """What a page is made with.

    Attributes:
        look: colours and sizes, and word when they change.
        words: every visible string goes through ``words.gettext``.
        open_page: show the page with this id.
        open_setting: show the page of settings at the one with this address, such as ``power_cap_watts@cuda:…``.
    """

    commands: Commands
    look: Look
    words: Translations
    open_page: Callable[[str], None]
    open_setting: Callable[[str], None]


@dataclass(frozen=True)
class PageEntry:
    """A page that the window can show.

    Attributes:
        page: id such as ``status``; `ShowsSettings` is asked of ``settings``.
        title: as the navigation names it, already translated.
        icon: name of a drawing in ``sparewatt_resources/icons``.
        make: called at the first visit, with a budget of 150 ms; returns a QWidget that is a `Page`.
    """

    page: str
    title: str
    icon: str
    make: Callable[[PageTools], QWidget]
