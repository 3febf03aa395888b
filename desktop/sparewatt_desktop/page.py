"""What a page is, and what it may ask of the engine."""

from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec

from sparewatt.control.messages import Request
from sparewatt.errors import SparewattError
from sparewatt.snapshot import Snapshot

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
        """Show this state; None while no engine can be heard."""
        ...
