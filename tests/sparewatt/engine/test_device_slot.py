"""What a worker is told of its device."""

import pytest

from sparewatt.engine.device_slot import worker_device
from sparewatt.host.device import Device
from sparewatt.worker.port import WorkerDevice
from sparewatt.worker.supervisor import device_environment

CARD = Device("cuda:GPU-1", "cuda", "Card", "gpu-GPU-1", 24 * 2**30, driver_version="580.105.08")


def test_a_card_is_named_as_its_driver_names_it_and_its_driver_with_it() -> None:
    assert worker_device(CARD, 8) == WorkerDevice("cuda", 1, "GPU-1", "580.105.08")


def test_the_processor_is_lent_in_threads() -> None:
    assert worker_device(Device("cpu", "cpu", "Processor", "cpu", None), 3) == WorkerDevice("cpu", 3)


@pytest.mark.parametrize(("driver", "unboosted"), [("580.105.08", True), ("580.95.05", False), (None, False)])
def test_what_the_sensors_say_of_the_driver_decides_whether_its_clocks_may_fall(
    driver: str | None, unboosted: bool
) -> None:
    card = Device("cuda:GPU-1", "cuda", "Card", "gpu-GPU-1", None, driver_version=driver)
    assert ("CUDA_DISABLE_PERF_BOOST" in device_environment(worker_device(card, 1))) is unboosted
