"""Idle time of a Wayland session, by ``ext-idle-notify-v1`` (KWin, Sway, Hyprland and others; not GNOME)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from sparewatt.host.unknown import Unknown

if TYPE_CHECKING:
    from pywayland.client.display import Display

# The compositor says when nobody has touched anything for this long, and when somebody does again.
NOTIFY_MILLISECONDS: Final = 1000


class ExtIdleNotify:
    """A `IdleSource` that asks the compositor to tell, and listens whenever it is read.

    What was told is known to be no younger than the read that found it, so the idle time is too short by at most the
    time between two reads, and never too long.
    """

    name = "ext_idle_notify"

    def __init__(self, wayland_display: str, monotonic: Callable[[], float]) -> None:
        self._wayland_display = wayland_display
        self._monotonic = monotonic
        self._display: Display | None = None
        self._kept: list[object] = []
        self._idle_since_s: float | None = None

    def read(self) -> float | Unknown:
        if self._display is None:
            refused = self._connect()
            if refused is not None:
                self.close()
                return refused
        assert self._display is not None
        # Also 0 and -1 are answers: the second says that the compositor is gone.
        if self._display.roundtrip() < 0:
            self.close()
            return Unknown("no_display")
        if self._idle_since_s is None:
            return 0.0
        return self._monotonic() - self._idle_since_s + NOTIFY_MILLISECONDS / 1000

    def close(self) -> None:
        """Disconnect; the next read connects again."""
        display, self._display = self._display, None
        self._kept.clear()
        self._idle_since_s = None
        if display is not None:
            display.disconnect()

    def _connect(self) -> Unknown | None:
        try:
            from pywayland.client.display import Display
            from pywayland.protocol.ext_idle_notify_v1 import ExtIdleNotifierV1
            from pywayland.protocol.wayland import WlSeat
        except (ImportError, OSError):
            return Unknown("no_wayland_library")
        display = Display(self._wayland_display)
        try:
            display.connect()
        except ValueError:  # nobody listens there
            return Unknown("no_display")
        self._display = display
        offered: dict[str, tuple[int, int]] = {}
        registry: Any = display.get_registry()

        def note(_registry: object, number: int, name: str, version: int) -> None:
            offered.setdefault(name, (number, version))

        registry.dispatcher["global"] = note
        self._kept.append(registry)
        display.roundtrip()
        if ExtIdleNotifierV1.name not in offered or WlSeat.name not in offered:
            return Unknown("not_offered")
        number, version = offered[ExtIdleNotifierV1.name]
        notifier: Any = registry.bind(number, ExtIdleNotifierV1, min(version, ExtIdleNotifierV1.version))
        seat: Any = registry.bind(offered[WlSeat.name][0], WlSeat, 1)
        # Since version 2 a film that keeps the screen on can be told from a person at the keyboard.
        ask = notifier.get_input_idle_notification if version >= 2 else notifier.get_idle_notification
        notification: Any = ask(NOTIFY_MILLISECONDS, seat)
        notification.dispatcher["idled"] = self._idled
        notification.dispatcher["resumed"] = self._resumed
        self._kept += [notifier, seat, notification]
        return None

    def _idled(self, _notification: object) -> None:
        self._idle_since_s = self._monotonic()

    def _resumed(self, _notification: object) -> None:
        self._idle_since_s = None
