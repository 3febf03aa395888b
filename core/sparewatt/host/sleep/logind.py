"""Linux: a delaying inhibitor of systemd's login manager, and its announcement of a coming sleep."""

import logging
import os
import select
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from sparewatt.host.bus_signals import SignalBus
from sparewatt.host.sleep.delay import Delay
from sparewatt.host.sleep.port import Told
from sparewatt.host.unknown import Unknown

if TYPE_CHECKING:
    from jeepney import FileDescriptor

SERVICE: Final = "org.freedesktop.login1"
PATH: Final = "/org/freedesktop/login1"
MANAGER: Final = f"{SERVICE}.Manager"
# A login manager that is not there, or does not listen, is asked again while something computes.
ASK_AGAIN_SECONDS: Final = 30.0
# Whoever lists the inhibitors of a system sees this.
_WHO: Final = "Sparewatt"
_WHY: Final = "Ends the inner step and frees the graphics card"

log = logging.getLogger("sparewatt.host")


class LogindSleepWatch:
    """A thread of its own holds the inhibitor, a descriptor whose closing lets the system sleep.

    The thread sleeps in the kernel until something is wanted, announced or due; nothing here waits for it.

    Args:
        address: of the system's bus.
        told: see `host.sleep.port.Told`.
        monotonic: seconds that stand still while the computer sleeps.
    """

    def __init__(self, address: str, told: Told, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._bus = SignalBus(address, "no_system_bus")
        self._told = told
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._delay = Delay()
        self._inhibitor: FileDescriptor | None = None
        self._reason = "not_yet"
        self._ask_again_s = 0.0
        self._closing = False
        self._pipe: tuple[int, int] | None = None

    def want(self, *, wanted: bool) -> None:
        if sys.platform == "win32":
            return
        with self._lock:
            if wanted == self._delay.wanted or self._closing:
                return
            self._delay = self._delay.wanting(wanted)
            if self._pipe is None:
                self._pipe = os.pipe()
                os.set_blocking(self._pipe[1], False)
                threading.Thread(target=self._run, args=(self._pipe[0],), name="sleep", daemon=True).start()
            self._wake()

    @property
    def sleeping(self) -> bool:
        return self._delay.sleeping(self._monotonic())

    @property
    def waits(self) -> bool | None:
        return True if self._inhibitor is not None else None

    @property
    def reason(self) -> str:
        return self._reason if self._delay.wanted else ""

    def close(self) -> None:
        """The system may sleep; waits for nothing, as the bus may hang."""
        with self._lock:
            self._delay = self._delay.wanting(False)
            self._closing = True
            self._wake()

    def _wake(self) -> None:
        if self._pipe is not None:
            with suppress(BlockingIOError):  # it is full of wakes already
                os.write(self._pipe[1], b"w")

    # On the thread

    def _run(self, woken: int) -> None:
        try:
            while not self._closing:
                self._look()
                self._wait(woken)
        except Exception:  # whatever it is: a mistake about the sleep must not cost the sensors
            log.exception("the computer's sleep cannot be watched and is left alone")
            self._reason = "failed"
        with self._lock:
            self._closing = True
            self._release()
            self._bus.close()
            for end in self._pipe or ():
                os.close(end)
            self._pipe = None

    def _look(self) -> None:
        """Take, keep or let go of the inhibitor, as the delay says."""
        now = self._monotonic()
        if self._delay.announced_s is not None and not self._delay.sleeping(now):
            self._announce(False, now)
        if self._inhibitor is not None and not self._delay.holds(now):
            self._release()
        if self._delay.asks(now) and self._inhibitor is None and now >= self._ask_again_s:
            self._ask(now)
        if not self._delay.wanted and not self._delay.sleeping(now):
            self._bus.close()

    def _ask(self, now: float) -> None:
        # Not every wait for a bus is bounded; while this one lasts, that is what there is to say.
        self._reason = "no_answer"
        heard = self._bus.hear(SERVICE, PATH, MANAGER, "PrepareForSleep")
        found = heard
        if heard is None:
            asked = self._bus.call(SERVICE, PATH, MANAGER, "Inhibit", "ssss", ("sleep", _WHO, _WHY, "delay"))
            found = asked if isinstance(asked, Unknown) else self._took(asked)
        if isinstance(found, Unknown):
            self._lost(found, now)
        else:
            self._reason = ""

    def _took(self, answer: tuple[object, ...]) -> Unknown | None:
        from jeepney import FileDescriptor

        if not answer or not isinstance(answer[0], FileDescriptor):
            return Unknown("refused")
        self._inhibitor = answer[0]
        return None

    def _lost(self, why: Unknown, now: float) -> None:
        self._release()
        self._bus.close()
        self._reason = why.reason
        self._ask_again_s = now + ASK_AGAIN_SECONDS
        # Nobody will say any more that the computer is awake again; the session's own look tells a sleep from now on.
        self._announce(False, now)

    def _wait(self, woken: int) -> None:
        if sys.platform == "win32":
            return
        now = self._monotonic()
        waiting = select.poll()
        waiting.register(woken, select.POLLIN)
        bus, held = self._bus.fileno(), self._inhibitor
        if bus is not None:
            waiting.register(bus, select.POLLIN)
        if held is not None:
            waiting.register(held.fileno(), 0)  # only its end is told
        due = [self._delay.due_s(now), self._ask_again_s if self._delay.asks(now) and held is None else None]
        left = [each - now for each in due if each is not None]
        ready = dict(waiting.poll(None if not left else 1000 * max(0.0, min(left)) + 1))
        if woken in ready:
            os.read(woken, 4096)
        if bus in ready:
            self._hear()
        if held is not None and held.fileno() in ready:
            self._lost(Unknown("no_service"), self._monotonic())

    def _hear(self) -> None:
        now = self._monotonic()
        heard = self._bus.heard()
        if isinstance(heard, Unknown):
            self._lost(heard, now)
            return
        for values in heard:
            if len(values) == 1 and isinstance(values[0], bool):
                self._announce(values[0], now)

    def _announce(self, coming: bool, now: float) -> None:
        with self._lock:
            before = self._delay
            self._delay = before.announced(now) if coming else before.awake()
            changed = self._delay != before
        if changed:
            self._told(coming)

    def _release(self) -> None:
        held, self._inhibitor = self._inhibitor, None
        if held is not None:
            held.close()
