from pathlib import Path

import pytest

from sparewatt.host.device import Device
from sparewatt.host.hwmon import number
from sparewatt.host.linux_card import AMD, INTEL, LinuxCardSource
from sparewatt.host.sample import Sample, SensorFault

AMD_CARD = "rocm:0000:03:00.0"
INTEL_CARD = "xpu:0000:04:00.0"


def write(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(f"{content}\n")


def amd(root: Path, **more: object) -> Path:
    """An RX 7800 XT as amdgpu shows it; the folder of its sensors."""
    card = root / "bus/pci/devices/0000:03:00.0"
    write(card, vendor="0x1002", gpu_busy_percent=73, mem_info_vram_total=16 * 2**30, mem_info_vram_used=2**30)
    (card / "class").write_text("0x030000\n")
    write(card / "power", runtime_status="active")
    sensors: dict[str, object] = {
        "name": "amdgpu", "power1_average": 180_000_000, "power1_cap": 263_000_000,
        "fan1_input": 1200, "fan1_max": 3000,
        "temp1_input": 55_000, "temp1_label": "edge", "temp1_crit": 100_000,
        "temp2_input": 78_000, "temp2_label": "junction", "temp2_crit": 110_000,
    }  # fmt: skip
    write(card / "hwmon/hwmon3", **(sensors | more))
    return card / "hwmon/hwmon3"


def intel(root: Path) -> Path:
    """An Arc B580 as xe shows it on a kernel that knows its temperatures."""
    card = root / "bus/pci/devices/0000:04:00.0"
    write(card, vendor="0x8086")
    (card / "class").write_text("0x030000\n")
    write(card / "power", runtime_status="active")
    chip = card / "hwmon/hwmon1"
    write(chip, name="xe", energy1_input=5_000_000, power1_max=190_000_000, temp2_input=51_000, temp2_label="pkg")
    return chip


def sample(found: Sample | SensorFault) -> Sample:
    assert isinstance(found, Sample), found
    return found


def test_a_card_that_cannot_train_yet_is_named_and_not_offered(tmp_path: Path) -> None:
    amd(tmp_path)
    intel(tmp_path)
    for kind, vendor, error_id in (("rocm", AMD, "sensor.amd_no_training"), ("xpu", INTEL, "sensor.intel_no_training")):
        found = LinuxCardSource(kind, vendor, root=tmp_path).devices()  # type: ignore[arg-type]
        assert found == SensorFault(kind, error_id, {"cards": 1}, absent=True)


def test_an_amd_card_has_its_makers_limits(tmp_path: Path) -> None:
    amd(tmp_path)
    found = LinuxCardSource("rocm", AMD, trainable=True, root=tmp_path).devices()
    assert found == (Device(AMD_CARD, "rocm", "AMD card", "gpu-0000:03:00.0", 16 * 2**30, 263, 100),)


def test_an_amd_card_says_all_it_knows(tmp_path: Path) -> None:
    amd(tmp_path)
    found = sample(LinuxCardSource("rocm", AMD, root=tmp_path).read(AMD_CARD, 1.0))
    assert (found.power_watts, found.power_kind, found.temperature_celsius) == (180.0, "instant", 55.0)
    # The junction is 32 K from its own limit, the edge 45 K: the nearer one counts.
    assert (found.margin_kelvin, found.utilisation_percent, found.fan_percent) == (32.0, 73.0, 40.0)
    assert (found.memory_used_bytes, found.missing) == (2**30, {})


def test_newer_amd_cards_tell_the_instant_under_another_name(tmp_path: Path) -> None:
    chip = amd(tmp_path, power1_input=170_000_000)
    (chip / "power1_average").unlink()
    assert sample(LinuxCardSource("rocm", AMD, root=tmp_path).read(AMD_CARD, 1.0)).power_watts == 170.0


def test_an_intel_cards_power_is_the_growth_of_its_counter(tmp_path: Path) -> None:
    chip, source = intel(tmp_path), LinuxCardSource("xpu", INTEL, root=tmp_path)
    first = sample(source.read(INTEL_CARD, 1.0))
    assert (first.power_watts, first.temperature_celsius, first.energy_millijoules) == (None, 51.0, 5000)
    (chip / "energy1_input").write_text("125000000\n")
    second = sample(source.read(INTEL_CARD, 2.0))
    assert (second.power_watts, second.power_kind) == (120.0, "energy")
    source.close()
    assert sample(source.read(INTEL_CARD, 3.0)).power_watts is None


def test_what_a_driver_does_not_show_is_unknown_with_a_reason(tmp_path: Path) -> None:
    chip = intel(tmp_path)
    (chip / "temp2_input").unlink()
    (chip / "energy1_input").write_text("not a number\n")
    found = sample(LinuxCardSource("xpu", INTEL, root=tmp_path).read(INTEL_CARD, 1.0))
    assert (found.power_watts, found.temperature_celsius) == (None, None)
    assert found.missing == {"power": "sensor.card_power", "temperature": "sensor.card_temperature"}


def test_graphics_inside_a_processor_are_no_card(tmp_path: Path) -> None:
    card = tmp_path / "bus/pci/devices/0000:00:02.0"
    write(card, vendor="0x8086")
    (card / "class").write_text("0x030000\n")
    assert LinuxCardSource("xpu", INTEL, trainable=True, root=tmp_path).devices() == ()


def test_a_sleeping_card_is_not_read_for_that_would_wake_it(tmp_path: Path) -> None:
    source = LinuxCardSource("rocm", AMD, root=tmp_path)
    chip = amd(tmp_path)
    (chip.parents[1] / "power/runtime_status").write_text("suspended\n")
    found = source.read(AMD_CARD, 1.0)
    assert isinstance(found, SensorFault)
    assert (found.error_id, source.asleep()) == ("sensor.card_asleep", True)


def test_a_card_that_was_unplugged_is_a_fault(tmp_path: Path) -> None:
    found = LinuxCardSource("rocm", AMD, root=tmp_path).read(AMD_CARD, 1.0)
    assert isinstance(found, SensorFault)
    assert found.error_id == "sensor.card_gone"


@pytest.mark.parametrize(
    ("content", "value"), [("12", 12), ("0x1002", 0x1002), ("", None), ("1.5", None), ("x" * 9999, None)]
)
def test_a_number_is_read_or_unknown(tmp_path: Path, content: str, value: int | None) -> None:
    (tmp_path / "file").write_text(content)
    assert number(tmp_path / "file") == value
    assert number(tmp_path / "missing") is None
    assert number(tmp_path) is None
