"""A bar for what takes long, on standard error; nothing where that is no terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from sparewatt_coordinator.create.data import Progress as Told
from sparewatt_coordinator.create.data import Stage, silent

_WORDS: dict[Stage, str] = {"reading": "Reading text", "shuffling": "Writing shards"}


@contextmanager
def shown_progress() -> Iterator[Told]:
    """What to tell of progress; Ctrl-C ends the work as anywhere."""
    if not sys.stderr.isatty():
        yield silent
        return
    bars: dict[Stage, TaskID] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as shown:

        def tell(stage: Stage, done: int, total: int) -> None:
            if stage not in bars:
                bars[stage] = shown.add_task(_WORDS[stage], total=total)
            shown.update(bars[stage], completed=done, total=total)

        yield tell
