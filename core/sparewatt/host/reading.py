"""Facts about the computer as a whole, at one moment."""

from typing import Annotated, Literal

import msgspec


class Game(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A game or full-screen program of somebody at the screen.

    Attributes:
        name: of the program, for the screen only; never kept and never sent.
        device: local id of the device that it uses; None where that cannot be told.
    """

    name: str
    device: str | None = None


class Reading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Unknown is None, never 0.

    Attributes:
        power_source: what the computer runs on; a computer without a battery runs on ``mains``.
        memory_available_bytes: what programs can still get without swapping.
        disk_free_bytes: on the disk of the data folder, for a user without special rights.
        weekday: local, 0 for Monday.
        minute: local, since midnight.
        seat: whether this session has a screen and keyboard at all; without one there is no idle time to know.
        idle_s: seconds since the last input of mouse or keyboard.
        idle_source: what told it, such as ``xscreensaver``; where nothing could, why: an id whose words are
            ``wording.sensors.idle_source_words``.
        locked: the session's screen is locked.
        other_user: another user sits at the computer.
        sleeping: the system is about to sleep.
        delays_sleep: before it sleeps the system waits until the devices are left; None where nothing computes, or
            where it does not (``sleep_delay`` of `missing`).
        sleep_after_s: after how long without input the system goes to sleep by itself; None too where it never does.
        low_power_mode: the system's own saving mode is on.
        metered: the network connection is paid by volume.
        games: what plays now.
        programs: those of the person's list that run now, as the list names them.
        missing: what cannot be told here (``session``, ``sleep_delay``, ``metered``, ``games`` …) → why: an id
            whose words are ``wording.sensors.reason_words``.
    """

    power_source: Literal["mains", "battery", "ups"] | None
    battery_percent: int | None
    memory_available_bytes: int | None
    disk_free_bytes: int | None
    weekday: Annotated[int, msgspec.Meta(ge=0, le=6)]
    minute: Annotated[int, msgspec.Meta(ge=0, le=1439)]
    seat: bool | None = None
    idle_s: float | None = None
    idle_source: str | None = None
    locked: bool | None = None
    other_user: bool | None = None
    sleeping: bool = False
    delays_sleep: bool | None = None
    sleep_after_s: float | None = None
    low_power_mode: bool | None = None
    metered: bool | None = None
    games: tuple[Game, ...] | None = None
    programs: tuple[str, ...] = ()
    missing: dict[str, str] = {}
