"""What the engine decides about worker processes without one."""

from pathlib import Path

import pytest

from sparewatt.process.child import ChildExit
from sparewatt.worker.exits import WorkerExit
from sparewatt.worker.port import WorkerDevice, WorkerFolders
from sparewatt.worker.supervisor import device_environment, exit_reason, folder_environment, unboosted


@pytest.mark.parametrize("code", list(WorkerExit))
def test_every_exit_code_has_a_reason_of_its_own(code: WorkerExit) -> None:
    assert exit_reason(ChildExit(code, ())) == code.name.lower()


@pytest.mark.parametrize(("code", "reason"), [(-9, "killed"), (-11, "killed"), (1, "crashed"), (139, "crashed")])
def test_other_ends_are_crashes_or_kills(code: int, reason: str) -> None:
    assert exit_reason(ChildExit(code, ())) == reason


def test_a_worker_on_the_cpu_sees_no_card() -> None:
    environment = device_environment(WorkerDevice("cpu", threads=3))
    assert environment["CUDA_VISIBLE_DEVICES"] == ""
    assert environment["OMP_NUM_THREADS"] == "3"


def test_a_worker_on_a_card_sees_that_card_only() -> None:
    environment = device_environment(WorkerDevice("cuda", cuda_uuid="GPU-1234", driver_version="580.105.08"))
    assert environment["CUDA_VISIBLE_DEVICES"] == "GPU-1234"
    assert environment["CUDA_DISABLE_PERF_BOOST"] == "1"


def test_no_worker_asks_a_model_hub() -> None:
    for kind in ("cpu", "cuda", "mps"):
        assert device_environment(WorkerDevice(kind))["HF_HUB_OFFLINE"] == "1"


@pytest.mark.parametrize(
    ("driver", "set_"),
    [
        ("580.105", True),
        ("580.105.08", True),
        ("581.10", True),
        ("580.95.05", False),
        ("535.104", False),
        ("", False),
        (None, False),
    ],
)
def test_clocks_may_fall_on_drivers_that_know_how(driver: str | None, set_: bool) -> None:
    assert unboosted(driver) == ({"CUDA_DISABLE_PERF_BOOST": "1"} if set_ else {})


def test_libraries_look_for_no_home_and_write_to_the_work_folder() -> None:
    environment = folder_environment(WorkerFolders(Path("/data/work")))
    assert "/data/work" in environment.values()
    assert not any(str(Path.home()) == value for value in environment.values())
