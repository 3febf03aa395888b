"""Questions that wait for their answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from PySide6.QtCore import QObject, QTimer

from sparewatt.control.messages import Answer, Failure, Greeting
from sparewatt.errors import ProtocolError, SparewattError, UnavailableError, told_error
from sparewatt_desktop.connection import ANSWER_MOST_S

# More than a person can have open at once; the engine itself lets 16 wait.
PENDING_MOST: Final = 64
_DEADLINE_LOOK_MS: Final = 1_000


@dataclass(frozen=True)
class _Pending:
    wanted: type[msgspec.Struct]
    answered: Callable[[Any], None]
    refused: Callable[[SparewattError], None]
    deadline_s: float


class Questions(QObject):
    """Calls exactly one of the two callables of each question, once: with its answer, or with why there is none.

    Args:
        now: monotonic seconds.
    """

    def __init__(self, now: Callable[[], float], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._now = now
        self._pending: dict[int, _Pending] = {}
        self._deadlines = QTimer(self)
        self._deadlines.setInterval(_DEADLINE_LOOK_MS)
        self._deadlines.timeout.connect(self._look_at_deadlines)

    @property
    def full(self) -> bool:
        """Whether no further question may wait."""
        return len(self._pending) >= PENDING_MOST

    def add(
        self,
        number: int,
        wanted: type[msgspec.Struct],
        answered: Callable[[Any], None],
        refused: Callable[[SparewattError], None],
    ) -> None:
        """Wait for the answer to the request with this id."""
        self._pending[number] = _Pending(wanted, answered, refused, self._now() + ANSWER_MOST_S)
        self._deadlines.start()

    def take(self, answer: Answer) -> None:
        """Hand over an answer; one that nobody waits for is dropped."""
        if isinstance(answer, Greeting):
            return
        pending = self._pending.pop(answer.reply_to, None)
        if pending is None:
            return
        if isinstance(answer, Failure):
            pending.refused(told_error(answer.kind, answer.error_id, answer.parameters))
        elif isinstance(answer, pending.wanted):
            pending.answered(answer)
        else:
            pending.refused(ProtocolError("control.malformed"))

    def refuse_all(self, error: SparewattError) -> None:
        """No answer can come any more."""
        pending, self._pending = self._pending, {}
        self._deadlines.stop()
        for each in pending.values():
            each.refused(error)

    def forget(self) -> None:
        """Drop them without a word: whoever asked is about to end."""
        self._pending.clear()
        self._deadlines.stop()

    def _look_at_deadlines(self) -> None:
        now = self._now()
        late = [number for number, pending in self._pending.items() if pending.deadline_s <= now]
        for number in late:
            self._pending.pop(number).refused(UnavailableError("engine.silent", seconds=round(ANSWER_MOST_S)))
        if not self._pending:
            self._deadlines.stop()
