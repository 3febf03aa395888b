from pathlib import Path

import pytest

from sparewatt.host.cpu import CpuSource, cpu_name


def package(folder: Path, name: str, microjoules: int, span: int = 10**9) -> None:
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "energy_uj").write_text(f"{microjoules}\n")
    (folder / name / "max_energy_range_uj").write_text(f"{span}\n")


def source(folder: Path) -> CpuSource:
    return CpuSource(folder, lambda: 37.0, lambda: None)


def test_power_is_the_growth_of_all_packages_counters(tmp_path: Path) -> None:
    for name in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"):
        package(tmp_path, name, 0)
    tested = source(tmp_path)
    assert tested.read("cpu", 10.0).power_watts is None
    for name in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"):
        package(tmp_path, name, 20_000_000)
    found = tested.read("cpu", 12.0)
    assert (found.power_watts, found.power_kind) == (pytest.approx(20.0), "energy")


def test_a_counter_that_wrapped_is_unwrapped(tmp_path: Path) -> None:
    package(tmp_path, "intel-rapl:0", 999_000_000)
    tested = source(tmp_path)
    tested.read("cpu", 10.0)
    package(tmp_path, "intel-rapl:0", 9_000_000)
    assert tested.read("cpu", 11.0).power_watts == pytest.approx(10.0)


def test_without_readable_counters_power_is_unknown(tmp_path: Path) -> None:
    found = source(tmp_path).read("cpu", 1.0)
    assert (found.power_watts, found.power_kind, found.energy_millijoules) == (None, None, None)


def test_the_first_utilisation_has_nothing_to_compare_with(tmp_path: Path) -> None:
    tested = source(tmp_path)
    assert tested.read("cpu", 1.0).utilisation_percent is None
    assert tested.read("cpu", 2.0).utilisation_percent == 37.0


def test_there_is_exactly_one_processor_with_a_name(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor: 0\nmodel name\t: Fast One\n")
    assert cpu_name(tmp_path / "cpuinfo") == "Fast One"
    assert cpu_name(tmp_path / "missing")
    (device,) = source(tmp_path).devices()
    assert (device.device, device.slot) == ("cpu", "cpu")
