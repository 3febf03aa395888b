import inspect
from pathlib import Path

import pynvml
import pytest

from sparewatt.host.device import Device
from sparewatt.host.nvidia import NvidiaSource, load_nvml
from sparewatt.host.nvidia_card import VALUE_MISSING
from sparewatt.host.nvml import NvmlLibrary
from sparewatt.host.sample import Sample, SensorFault
from sparewatt.testing.nvml import (
    DRIVER_NOT_LOADED,
    FUNCTION_NOT_FOUND,
    LIBRARY_NOT_FOUND,
    LOST,
    NOT_SUPPORTED,
    RESET_REQUIRED,
    UNINITIALIZED,
    VERSION_MISMATCH,
    FakeCard,
    FakeMemory,
    FakeNvml,
    FakeProcess,
)

CARD = "cuda:GPU-1"
WORKER, BROWSER, ELSEWHERE = 100, 200, 300
OWN = {WORKER: True, BROWSER: False}


def source(library: FakeNvml, root: Path = Path("/nowhere")) -> NvidiaSource:
    return NvidiaSource(library.load, OWN.get, root)


def one(**values: object) -> FakeNvml:
    return FakeNvml([FakeCard(**values)])  # type: ignore[arg-type]


def sample(found: Sample | SensorFault) -> Sample:
    assert isinstance(found, Sample), found
    return found


def fault(found: object) -> SensorFault:
    assert isinstance(found, SensorFault), found
    return found


def test_the_fake_has_every_function_of_the_real_library_with_the_same_arguments() -> None:
    used = [name for name in vars(NvmlLibrary) if name.startswith("nvml") and callable(getattr(NvmlLibrary, name))]
    assert len(used) > 20
    for name in used:
        real = list(inspect.signature(getattr(pynvml, name)).parameters)
        mine = list(inspect.signature(getattr(FakeNvml(), name)).parameters)
        # The library may take more, such as a version that it fills in itself.
        assert real[: len(mine)] == mine, name
    for name in NvmlLibrary.__annotations__:
        assert getattr(pynvml, name) == getattr(FakeNvml(), name)


def test_the_numbers_of_the_librarys_interface_are_its_own() -> None:
    missing = {
        pynvml.NVML_ERROR_NOT_SUPPORTED, pynvml.NVML_ERROR_NO_PERMISSION, pynvml.NVML_ERROR_NOT_FOUND,
        pynvml.NVML_ERROR_FUNCTION_NOT_FOUND, pynvml.NVML_ERROR_NO_DATA,
        pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH, pynvml.NVML_ERROR_DEPRECATED,
    }  # fmt: skip
    assert missing == VALUE_MISSING
    assert (pynvml.NVML_FI_DEV_POWER_AVERAGE, pynvml.NVML_FI_DEV_POWER_INSTANT) == (185, 186)
    assert pynvml.nvmlClocksEventReasonHwThermalSlowdown == 0x40


def test_a_card_is_known_by_its_uuid_with_its_limits() -> None:
    assert source(FakeNvml()).devices() == (
        Device(CARD, "cuda", "Card", "gpu-GPU-1", 24 * 2**30, 320, 90, 100, 350, "580.105.08"),
    )  # fmt: skip


def test_a_driver_that_does_not_tell_its_version_hides_no_card() -> None:
    library = FakeNvml(failures={"nvmlSystemGetDriverVersion": NOT_SUPPORTED})
    (device,) = source(library).devices()  # type: ignore[misc]
    assert (device.device, device.driver_version) == (CARD, None)


def test_where_a_newer_card_slows_down_is_told_by_how_far_away_that_is() -> None:
    library = one(failures={"nvmlDeviceGetTemperatureThreshold": NOT_SUPPORTED})
    (device,) = source(library).devices()  # type: ignore[misc]
    assert isinstance(device, Device)
    assert device.slowdown_celsius == 61 + 22


def test_a_card_that_fell_off_the_bus_does_not_hide_the_others() -> None:
    library = FakeNvml([FakeCard(failures={"nvmlDeviceGetHandleByIndex": LOST}), FakeCard("GPU-2")])
    found = source(library).devices()
    assert isinstance(found, tuple)
    assert [device.device for device in found] == ["cuda:GPU-2"]
    library.cards.pop()
    assert fault(source(library).devices()).error_id == "sensor.nvidia_lost"


def test_the_energy_counter_gives_the_mean_power_between_samples() -> None:
    library = FakeNvml()
    tested = source(library)
    first = sample(tested.read(CARD, 10.0))
    assert (first.power_watts, first.power_kind) == (123.456, "instant")
    library.cards[0].energy_millijoules = 150_000
    second = sample(tested.read(CARD, 10.5))
    assert (second.power_watts, second.power_kind) == (300.0, "energy")
    assert sample(tested.read(CARD, 10.6)).power_watts == 300.0


def test_a_counter_that_stands_still_for_3_s_gives_way_to_the_sensor_until_it_moves() -> None:
    library = one(fields={185: 200_000})
    tested = source(library)
    kinds: list[str | None] = []
    for second, energy in enumerate((0, 1000, 1000, 1000, 1000, 1000, 2000)):
        library.cards[0].energy_millijoules = energy
        kinds.append(sample(tested.read(CARD, float(second))).power_kind)
    assert kinds == ["average_1s", "energy", "energy", "energy", "average_1s", "average_1s", "energy"]


@pytest.mark.parametrize(
    ("fields", "failing", "watts", "kind"),
    [
        ({185: 200_000, 186: 250_000}, {}, 200.0, "average_1s"),
        ({185: 0, 186: 250_000}, {}, 250.0, "instant"),
        ({185: -NOT_SUPPORTED, 186: 250_000}, {}, 250.0, "instant"),
        ({}, {}, 123.456, "instant"),
        ({}, {"nvmlDeviceGetFieldValues": FUNCTION_NOT_FOUND}, 123.456, "instant"),
        ({}, {"nvmlDeviceGetPowerUsage": NOT_SUPPORTED}, None, None),
    ],
    ids=["average", "average not filled in", "instant only", "older", "oldest", "none"],
)
def test_without_a_counter_the_best_sensor_is_taken_and_named_for_what_it_is(
    fields: dict[int, int], failing: dict[str, int], watts: float | None, kind: str | None
) -> None:
    failing = {"nvmlDeviceGetTotalEnergyConsumption": NOT_SUPPORTED, **failing}
    found = sample(source(one(fields=fields, failures=failing)).read(CARD, 1.0))
    assert (found.power_watts, found.power_kind) == (watts, kind)


def test_a_card_says_all_it_knows() -> None:
    found = sample(source(one(reasons=0x4 | 0x40 | 0x1)).read(CARD, 1.0))
    assert (found.temperature_celsius, found.margin_kelvin, found.utilisation_percent) == (61.0, 22.0, 87.0)
    assert (found.fan_percent, found.slowdowns) == (40.0, ("power_limit", "hardware_thermal"))
    assert found.missing == {}


def test_what_a_card_does_not_offer_is_unknown_and_not_zero() -> None:
    names = [name for name in vars(NvmlLibrary) if name.startswith("nvmlDeviceGet") and "Handle" not in name]
    names += ["nvmlDeviceGetMemoryInfo_v2"]
    found = sample(source(one(failures=dict.fromkeys(names, NOT_SUPPORTED))).read(CARD, 1.0))
    assert found == Sample(
        CARD, 1.0, missing={"power": "sensor.nvidia_power", "temperature": "sensor.nvidia_temperature"}
    )


def test_older_drivers_are_asked_in_the_older_way() -> None:
    failing = ("nvmlDeviceGetTemperatureV", "nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetCurrentClocksEventReasons")
    found = sample(source(one(failures=dict.fromkeys(failing, FUNCTION_NOT_FOUND), reserved=7)).read(CARD, 1.0))
    assert (found.temperature_celsius, found.memory_used_bytes, found.slowdowns) == (60.0, 2**30 + 7, ())


@pytest.mark.parametrize(
    ("computing", "others"),
    [
        ((FakeProcess(WORKER, 400), FakeProcess(BROWSER, 50)), 2**30 - 400),
        ((FakeProcess(BROWSER, None),), 2**30),
        ((FakeProcess(WORKER, None),), None),
        ((FakeProcess(ELSEWHERE, 400),), None),
        ((), None),
    ],
    ids=["told", "only others, untold", "own, untold", "another container's", "nobody is shown"],
)
def test_memory_of_others_is_what_is_used_without_our_own(
    computing: tuple[FakeProcess, ...], others: int | None
) -> None:
    assert sample(source(one(computing=computing)).read(CARD, 1.0)).memory_others_bytes == others


def test_a_resting_card_that_shows_no_process_is_used_by_the_driver_alone() -> None:
    library = one(memory=FakeMemory(2**30, 2**20))
    assert sample(source(library).read(CARD, 1.0)).memory_others_bytes == 2**20


@pytest.mark.parametrize(
    ("code", "error_id"),
    [(UNINITIALIZED, "sensor.nvidia_restarted"), (10, "sensor.nvidia_timeout"), (LOST, "sensor.nvidia_lost"),
     (RESET_REQUIRED, "sensor.nvidia_reset_required"), (VERSION_MISMATCH, "sensor.nvidia_driver_changed"),
     (28, "sensor.nvidia_lost"), (999, "sensor.nvidia")],
)  # fmt: skip
def test_a_failing_card_is_a_fault_and_the_library_is_closed(code: int, error_id: str) -> None:
    library = one(failures={"nvmlDeviceGetTemperatureV": code})
    found = fault(source(library).read(CARD, 1.0))
    assert (found.error_id, found.absent, library.opened) == (error_id, False, False)


@pytest.mark.parametrize("code", [DRIVER_NOT_LOADED, LIBRARY_NOT_FOUND])
def test_without_a_driver_nothing_is_wrong(code: int) -> None:
    found = fault(source(FakeNvml(failures={"nvmlInit": code})).devices())
    assert (found.error_id, found.absent) == ("sensor.nvidia_absent", True)


def test_without_the_python_library_nothing_is_wrong() -> None:
    def load() -> tuple[NvmlLibrary, type[Exception]]:
        raise ImportError

    assert fault(NvidiaSource(load).devices()).absent


def test_a_driver_that_goes_away_under_a_card_is_a_loss_and_it_is_found_again_when_it_returns() -> None:
    library = FakeNvml()
    tested = source(library)
    sample(tested.read(CARD, 1.0))
    library.failures = {"nvmlDeviceGetTotalEnergyConsumption": UNINITIALIZED, "nvmlInit": DRIVER_NOT_LOADED}
    assert fault(tested.read(CARD, 2.0)).error_id == "sensor.nvidia_restarted"
    gone = fault(tested.read(CARD, 7.0))
    assert (gone.error_id, gone.absent) == ("sensor.nvidia_gone", False)
    library.failures = {}
    assert sample(tested.read(CARD, 17.0)).temperature_celsius == 61.0


def test_a_card_that_was_unplugged_is_found_again_by_its_uuid_under_another_index() -> None:
    library = FakeNvml([FakeCard(), FakeCard("GPU-2", celsius=70)])
    tested = source(library)
    sample(tested.read("cuda:GPU-2", 1.0))
    library.cards[1].failures = {"nvmlDeviceGetTemperatureV": LOST}
    assert fault(tested.read("cuda:GPU-2", 2.0)).error_id == "sensor.nvidia_lost"
    library.cards = [FakeCard("GPU-2", celsius=40)]
    assert sample(tested.read("cuda:GPU-2", 7.0)).temperature_celsius == 40.0


def test_a_shutdown_that_fails_with_the_card_is_no_second_failure() -> None:
    library = one(failures={"nvmlDeviceGetTemperatureV": LOST})
    library.failures = {"nvmlShutdown": LOST}
    assert fault(source(library).read(CARD, 1.0)).error_id == "sensor.nvidia_lost"


def test_it_opens_once_and_opens_again_after_it_was_closed() -> None:
    library = FakeNvml()
    tested = source(library)
    tested.read(CARD, 1.0)
    tested.read(CARD, 2.0)
    assert library.calls["nvmlInit"] == 1
    tested.close()
    tested.close()
    assert (library.opened, library.calls["nvmlShutdown"]) == (False, 1)
    assert sample(tested.read(CARD, 3.0)).power_kind == "instant"
    assert library.calls["nvmlInit"] == 2


def test_the_card_of_a_program_is_the_one_it_draws_on() -> None:
    library = FakeNvml([FakeCard(), FakeCard("GPU-2", drawing=(FakeProcess(7, 1),))])
    assert source(library).device_of(7) == "cuda:GPU-2"
    assert source(library).device_of(8) is None
    assert source(FakeNvml(failures={"nvmlInit": DRIVER_NOT_LOADED})).device_of(7) is None


def pci(root: Path, vendor: str, status: str, kind: str = "0x030000", address: str = "0000:01:00.0") -> Path:
    folder = root / "bus/pci/devices" / address
    (folder / "power").mkdir(parents=True)
    (folder / "vendor").write_text(f"{vendor}\n")
    (folder / "class").write_text(f"{kind}\n")
    (folder / "power/runtime_status").write_text(f"{status}\n")
    return folder


@pytest.mark.parametrize(
    ("vendor", "kind", "status", "sleeps"),
    [("0x10de", "0x030000", "suspended", True), ("0x10de", "0x030200", "active", False),
     ("0x10de", "0x040300", "suspended", False), ("0x8086", "0x030000", "suspended", False)],
    ids=["asleep", "awake", "its sound", "another maker's"],
)  # fmt: skip
def test_whether_a_card_sleeps_is_seen_without_the_library(
    tmp_path: Path, vendor: str, kind: str, status: str, sleeps: bool
) -> None:
    pci(tmp_path, vendor, status, kind)
    library = FakeNvml()
    assert source(library, tmp_path).asleep() is sleeps
    assert library.calls.total() == 0


def test_the_real_library_without_a_driver_says_so_or_has_cards() -> None:
    found = NvidiaSource(load_nvml).devices()
    assert isinstance(found, tuple) or found.absent or found.error_id.startswith("sensor.nvidia")
