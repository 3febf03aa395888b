import sys

import pytest

from sparewatt.host.apple import AppleSource, GpuEnergy
from sparewatt.host.objective_c import ProcessInformation
from sparewatt.host.sample import Sample
from sparewatt.host.unknown import Unknown


def source(joules: list[float | None], state: int | Unknown) -> AppleSource:
    return AppleSource("darwin", "arm64", lambda: joules.pop(0), lambda: state)


def test_an_apple_chip_is_a_device_and_nothing_else_is() -> None:
    (device,) = AppleSource("darwin", "arm64").devices()
    assert device.kind == "metal"
    assert AppleSource("darwin", "x86_64").devices() == ()
    assert AppleSource("linux", "arm64").devices() == ()


@pytest.mark.parametrize(
    ("told", "state"),
    [(0, "nominal"), (1, "fair"), (2, "serious"), (3, "critical"), (9, None), (Unknown("system_too_old"), None)],
)
def test_the_systems_thermal_state_is_told(told: int | Unknown, state: str | None) -> None:
    assert source([None], told).read("metal", 1.0).thermal_state == state


def test_without_the_energy_package_power_is_missing_with_a_reason() -> None:
    found = source([None], 0).read("metal", 1.0)
    assert found == Sample(
        "metal", 1.0, thermal_state="nominal",
        missing={"temperature": "sensor.apple_temperature", "power": "sensor.apple_power"},
    )  # fmt: skip


def test_with_it_power_is_the_growth_of_its_counter() -> None:
    tested = source([100.0, 112.0], 0)
    assert tested.read("metal", 1.0).power_watts is None
    second = tested.read("metal", 2.0)
    assert (second.power_watts, second.power_kind, second.energy_millijoules) == (12.0, "energy", 112_000)
    assert second.missing == {"temperature": "sensor.apple_temperature"}


@pytest.mark.skipif(sys.platform == "darwin", reason="it is for elsewhere")
def test_elsewhere_macos_is_not_asked() -> None:
    assert GpuEnergy().joules() is None
    assert ProcessInformation().number("thermalState") == Unknown("not_on_this_system")
