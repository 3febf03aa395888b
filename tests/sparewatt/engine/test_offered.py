import msgspec

from sparewatt.control.messages import SettingValue
from sparewatt.engine.offered import offered
from sparewatt.host.device import Device
from sparewatt.host.reading import Reading
from sparewatt.policy import Lent
from sparewatt.settings.values import Settings

CARD = Device("cuda:GPU-1", "cuda", "A card", "gpu-1", 8 * 10**9, power_limit_watts=320, slowdown_celsius=93)
CPU = Device("cpu", "cpu", "A processor", "cpu", None)
SEEN = Reading("mains", None, None, None, 2, 720, seat=True, idle_s=5.0)


def found(reading: Reading | None = SEEN, **lent: Lent) -> dict[str, SettingValue]:
    values = offered(Settings(), (CARD, CPU), {each.device: each for each in lent.values()}, reading)
    return {value.key: value for value in values}


def test_a_devices_own_bounds_are_tighter_than_the_schemas() -> None:
    values = found()
    assert values["power_cap_watts@cuda:GPU-1"].maximum == 320
    assert values["temperature_limit_celsius@cuda:GPU-1"].maximum == 83
    assert values["temperature_limit_celsius@cpu"].maximum is None
    assert values["speed_limit_percent@cuda:GPU-1"].maximum is None


def test_a_limit_without_its_sensor_is_explained_not_offered() -> None:
    bare = Lent("cpu", "A processor", power_sensor=False, temperature_sensor=False)
    values = found(bare=bare)
    assert values["power_cap_watts@cpu"].unavailable == "no_power_sensor"
    assert values["temperature_limit_celsius@cpu"].unavailable == "no_temperature_sensor"
    assert values["speed_limit_percent@cpu"].unavailable is None
    assert values["power_cap_watts@cuda:GPU-1"].unavailable is None


def test_before_the_first_sample_nothing_is_said_to_be_missing() -> None:
    assert found(unknown=Lent("cpu", "A processor"))["power_cap_watts@cpu"].unavailable is None


def test_waiting_until_away_is_withheld_where_that_cannot_be_known() -> None:
    unknown = msgspec.structs.replace(SEEN, idle_s=None)
    assert found()["when_to_run"].withheld == {}
    assert found(None)["when_to_run"].withheld == {}
    assert found(unknown)["when_to_run"].withheld == {"idle": "idle_unknown"}
    assert found(msgspec.structs.replace(unknown, seat=False))["when_to_run"].withheld == {}
