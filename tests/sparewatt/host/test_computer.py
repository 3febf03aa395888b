from pathlib import Path

from sparewatt.host.apple import AppleSource
from sparewatt.host.computer import Computer, disk_free_bytes


def test_a_reading_of_this_computer_is_plausible(tmp_path: Path) -> None:
    reading = Computer(tmp_path).read(1_700_000_000)
    assert reading.memory_available_bytes is not None
    assert reading.memory_available_bytes > 0
    assert 0 <= reading.minute < 1440


def test_the_disk_of_a_folder_that_is_not_there_yet_is_that_of_its_parent(tmp_path: Path) -> None:
    assert disk_free_bytes(tmp_path / "not" / "yet") is not None


def test_an_apple_chip_is_a_device_and_nothing_else_is() -> None:
    (device,) = AppleSource("darwin", "arm64").devices()
    assert device.kind == "metal"
    assert AppleSource("darwin", "x86_64").devices() == ()
    assert AppleSource("linux", "arm64").devices() == ()
