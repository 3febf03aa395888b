"""How often the engine looks at its devices."""

from typing import cast

import pytest

from sparewatt.engine.device_plan import DeviceState
from sparewatt.engine.device_record import DeviceRecord
from sparewatt.engine.device_tools import DeviceTools
from sparewatt.engine.ticks import IDLE_TICK_SECONDS, REST_TICK_SECONDS, TICK_SECONDS, tick_seconds
from sparewatt.governor import DECISION_AGE_MOST_S
from sparewatt.host.device import Device

RESTS = DeviceState()
WAITS = DeviceState(may_compute=True)
WORKS = DeviceState(worker="training", may_compute=True)
LEAVES = DeviceState(worker="stopping")


def device(state: DeviceState) -> DeviceRecord:
    """A device in a state; it begins nothing, so it needs no tools."""
    made = DeviceRecord(Device("cpu", "cpu", "Processor", "cpu", None), cast(DeviceTools, None))
    made.state = state
    return made


@pytest.mark.parametrize(
    ("states", "seconds"),
    [
        ((), REST_TICK_SECONDS),
        ((RESTS, RESTS), REST_TICK_SECONDS),
        ((RESTS, WAITS), IDLE_TICK_SECONDS),
        ((WAITS, RESTS, WORKS), TICK_SECONDS),
        ((LEAVES,), TICK_SECONDS),
    ],
)
def test_the_busiest_device_sets_the_pace(states: tuple[DeviceState, ...], seconds: float) -> None:
    assert tick_seconds([device(state) for state in states]) == seconds


def test_a_working_devices_decision_never_grows_too_old() -> None:
    assert TICK_SECONDS * 5 < DECISION_AGE_MOST_S
