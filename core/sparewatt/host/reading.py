"""Facts about the computer as a whole, at one moment."""

from typing import Annotated, Literal

import msgspec


class Reading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Unknown is None, never 0.

    Attributes:
        power_source: what the computer runs on; a computer without a battery runs on ``mains``.
        memory_available_bytes: what programs can still get without swapping.
        disk_free_bytes: on the disk of the data folder, for a user without special rights.
        weekday: local, 0 for Monday.
        minute: local, since midnight.
    """

    power_source: Literal["mains", "battery"] | None
    battery_percent: int | None
    memory_available_bytes: int | None
    disk_free_bytes: int | None
    weekday: Annotated[int, msgspec.Meta(ge=0, le=6)]
    minute: Annotated[int, msgspec.Meta(ge=0, le=1439)]
