"""Who sits at the computer, as every system's adapter tells it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SessionState:
    """None is unknown.

    Attributes:
        seat: whether this user has a session with screen and keyboard.
        locked: its screen is locked.
        other_user: another user's session is the one that is shown.
        sleeping: the system is about to sleep.
        reason: why something is unknown; an id of ``wording.sensors``.
    """

    seat: bool | None
    locked: bool | None = None
    other_user: bool | None = None
    sleeping: bool = False
    reason: str = ""
