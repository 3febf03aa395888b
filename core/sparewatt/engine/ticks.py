"""How long the engine's loop waits when nothing wakes it, and how often sensors are read meanwhile."""

from collections.abc import Iterable
from typing import Final

from sparewatt.engine.device_record import DeviceRecord
from sparewatt.governor import Pace

# A decision older than 5 s withholds the permit, so it is made anew well before that. Without a worker there is no
# permit, and whatever happens wakes the loop; what only time brings (a retry) may then come 2 s late. While nothing may
# compute every reading wakes it, so that both wake the processor at once; the last one is for sensors that are silent.
TICK_SECONDS: Final = 0.5
IDLE_TICK_SECONDS: Final = 2.0
REST_TICK_SECONDS: Final = 15.0
SAMPLE_MILLISECONDS: Final = 500


def tick_seconds(devices: Iterable[DeviceRecord]) -> float:
    """By what the devices do."""
    found = REST_TICK_SECONDS
    for device in devices:
        if device.state.worker != "none":
            return TICK_SECONDS
        if device.lent:
            found = IDLE_TICK_SECONDS
    return found


def sample_milliseconds(paces: Iterable[Pace | None]) -> int:
    """As often as the governor of any device would see samples."""
    return min((round(1000 * pace.sample_seconds) for pace in paces if pace is not None), default=SAMPLE_MILLISECONDS)
