"""The display of a trial: a panel that moves on a terminal, plain lines anywhere else."""

import sys
import time
from collections.abc import Callable
from typing import Final, Protocol, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from sparewatt_cli.trial.rows import Progress, headline, plain_line, rows, waiting_sentences

PLAIN_SECONDS: Final = 5.0


class Display(Protocol):
    def note(self, sentence: str) -> None:
        """Something to read once, which stays on the screen."""
        ...

    def show(self, progress: Progress) -> None:
        """The newest state; may be called as often as wanted."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was."""
        ...


class Panel:
    """Redraws itself eight times a second, also while its owner is busy with something that takes long."""

    def __init__(self, console: Console) -> None:
        self._progress: Progress | None = None
        self._spinner = Spinner("dots")
        self._live = Live(console=console, get_renderable=self._drawing, refresh_per_second=8, transient=True)
        self._live.start()

    def note(self, sentence: str) -> None:
        self._live.console.print(Text(sentence))

    def show(self, progress: Progress) -> None:
        self._progress = progress

    def close(self) -> None:
        self._live.stop()

    def _drawing(self) -> RenderableType:
        progress = self._progress
        if progress is None:
            return self._spinner
        self._spinner.update(text=Text(headline(progress)))
        if progress.view is None:
            return self._spinner
        table = Table.grid(padding=(0, 2))
        for label, text in rows(progress.view):
            # Texts from the network are never read as markup.
            table.add_row(Text(label, style="dim"), Text(text))
        waiting = [Text(sentence, style="yellow") for sentence in waiting_sentences(progress.view)]
        return Group(self._spinner, table, *waiting)


class Lines:
    """One line every few seconds, and at once when the phase changes or a device begins to wait."""

    def __init__(self, stream: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now = now
        self._phase = ""
        self._waiting: tuple[str, ...] = ()
        self._last = float("-inf")

    def note(self, sentence: str) -> None:
        self._write(sentence)

    def show(self, progress: Progress) -> None:
        waiting = waiting_sentences(progress.view) if progress.view is not None else ()
        changed = progress.phase != self._phase or waiting != self._waiting
        if not changed and self._now() - self._last < PLAIN_SECONDS:
            return
        self._write(plain_line(progress))
        if waiting != self._waiting:
            for sentence in waiting:
                self._write(sentence)
        self._phase, self._waiting, self._last = progress.phase, waiting, self._now()

    def close(self) -> None:
        self._stream.flush()

    def _write(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()


def display_for(stream: TextIO = sys.stdout) -> Display:
    """A panel where `stream` is a terminal, lines otherwise."""
    console = Console(file=stream)
    return Panel(console) if console.is_terminal and not console.is_dumb_terminal else Lines(stream)
