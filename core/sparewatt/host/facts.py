"""Asks the computer's sources on a thread of their own, so that one that hangs holds up nothing else.

Desktop services, X servers, battery controllers and network disks may all answer late or never. One thread asks them
in turn. Whoever takes too long is abandoned together with the thread, and a new thread goes on with the others; who
does it twice is left out for good.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from sparewatt.host.unknown import Unknown

ANSWER_SECONDS_MOST: Final = 2.0
HANGS_MOST: Final = 2
# Sources are asked every 10 s at the least; what was said three times before is not known any more.
FACT_SECONDS_MOST: Final = 30.0

log = logging.getLogger("sparewatt.host")

Answer = TypeVar("Answer")


class Fact(Generic[Answer]):
    """What one source said last.

    Args:
        make: opens the source; called on the asking thread, and again after the source was abandoned.
        period_s: how often it is asked at the most.
    """

    def __init__(self, name: str, make: Callable[[], Callable[[], Answer]], period_s: float = 0.0) -> None:
        self.name = name
        self._make = make
        self._period_s = period_s
        self._ask: Callable[[], Answer] | None = None
        self._answer: Answer | None = None
        self._answered_s: float | None = None
        self._hangs = 0
        self._failed = False

    def value(self, now: float) -> Answer | Unknown:
        """The last answer, unless it is too old or never came."""
        if self._answered_s is not None and now - self._answered_s <= max(FACT_SECONDS_MOST, 2 * self._period_s):
            assert self._answer is not None
            return self._answer
        if self._failed:
            return Unknown("failed")
        return Unknown("hangs" if self._hangs else "not_yet")

    @property
    def left_out(self) -> bool:
        return self._failed or self._hangs >= HANGS_MOST

    def due(self, now: float) -> bool:
        return not self.left_out and (self._answered_s is None or now - self._answered_s >= self._period_s)

    def ask_anew(self) -> None:
        """What was answered no longer fits the question; forget it."""
        self._answered_s = None

    def asked(self) -> Answer:
        """The source's answer; blocks for as long as it takes."""
        if self._ask is None:
            self._ask = self._make()
        return self._ask()

    def answered(self, answer: Answer, now: float) -> None:
        self._answer, self._answered_s = answer, now

    def abandoned(self) -> None:
        """It hangs: whatever it holds belongs to the thread that hangs with it."""
        self._ask = None
        self._hangs += 1

    def broke(self) -> None:
        self._ask = None
        self._failed = True


class Gatherer:
    """Asks a number of sources again and again.

    Args:
        monotonic: seconds from an arbitrary origin.
    """

    def __init__(
        self,
        facts: Sequence[Fact[Any]],
        monotonic: Callable[[], float],
        answer_seconds_most: float = ANSWER_SECONDS_MOST,
    ) -> None:
        self._facts = facts
        self._monotonic = monotonic
        self._answer_seconds_most = answer_seconds_most
        self._changed = threading.Condition()
        self._wanted = False
        self._life = 0
        self._asking: tuple[Fact[Any], float] | None = None
        self._ended = True

    def gather(self, patience_s: float) -> None:
        """Have every source asked that is due, and wait for the answers, at most `patience_s`."""
        with self._changed:
            self._abandon_who_hangs()
            if self._ended:
                self._start()
            self._wanted = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._wanted and self._asking is None, patience_s)

    def stop(self) -> None:
        """Ask nobody any more."""
        with self._changed:
            self._life += 1
            self._ended = True
            self._changed.notify_all()

    def _start(self) -> None:
        self._life += 1
        self._ended = False
        self._asking = None
        threading.Thread(target=self._work, args=(self._life,), name="facts", daemon=True).start()

    def _abandon_who_hangs(self) -> None:
        if self._asking is None:
            return
        fact, since_s = self._asking
        if self._monotonic() - since_s > self._answer_seconds_most:
            log.warning("%s does not answer", fact.name)
            fact.abandoned()
            self._ended = True

    def _work(self, life: int) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted or self._life != life)
                if self._life != life:
                    return
                self._wanted = False
                due = [fact for fact in self._facts if fact.due(self._monotonic())]
                self._asking = (due[0], self._monotonic()) if due else None
                if not due:
                    self._changed.notify_all()
            for fact in due:
                if not self._ask(fact, life):
                    return
            with self._changed:
                if self._life != life:
                    return
                self._asking = None
                self._changed.notify_all()

    def _ask(self, fact: Fact[Any], life: int) -> bool:
        """Whether this thread is still wanted afterwards."""
        with self._changed:
            if self._life != life:
                return False
            self._asking = (fact, self._monotonic())
        broke = False
        answer: object = None
        try:
            answer = fact.asked()
        except Exception:  # whatever it is: a mistake about one desktop or driver must not cost every other fact
            log.exception("%s cannot be asked and is left out", fact.name)
            broke = True
        with self._changed:
            if self._life != life:
                return False
            if broke:
                fact.broke()
            else:
                fact.answered(answer, self._monotonic())
            return True
