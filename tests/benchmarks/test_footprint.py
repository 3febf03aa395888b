"""How a stopped engine's cost is counted."""

import threading
from pathlib import Path

import psutil
import pytest

from benchmarks.footprint import MEBIBYTE, Cost, cost, measurements, wakeups

STATUS = "Name:\tpython\nvoluntary_ctxt_switches:\t{}\nnonvoluntary_ctxt_switches:\t900\n"


def test_wakeups_are_those_of_every_thread(tmp_path: Path) -> None:
    for number, count in ((10, 3), (11, 40)):
        thread = tmp_path / "task" / str(number)
        thread.mkdir(parents=True)
        (thread / "status").write_text(STATUS.format(count))
    assert wakeups(tmp_path) == 43


def test_a_thread_that_sleeps_and_wakes_is_counted() -> None:
    before = cost(psutil.Process())
    pause = threading.Event()
    thread = threading.Thread(target=lambda: [pause.wait(0.001) for _ in range(50)])
    thread.start()
    thread.join()
    assert cost(psutil.Process()).wakeups > before.wakeups


def test_the_targets_are_for_our_processes_together_and_for_each_ones_wakeups() -> None:
    costs = {
        "engine": Cost(30 * MEBIBYTE, 0.06, 48),
        "sensors": Cost(20 * MEBIBYTE, 0.03, 72),
        "boinc-client": Cost(9 * MEBIBYTE, 0.9, 600),
    }
    found = {each.name: each for each in measurements(costs)}
    assert found["stopped-memory"].measure == pytest.approx(50.0)
    assert found["stopped-processor"].measure == pytest.approx(0.15)
    assert (found["engine-wakeups"].measure, found["engine-wakeups"].met) == (pytest.approx(0.8), True)
    assert (found["sensors-wakeups"].measure, found["sensors-wakeups"].met) == (pytest.approx(1.2), False)
    assert (found["boinc-client-wakeups"].measure, found["boinc-client-wakeups"].met) == (pytest.approx(10.0), None)
    assert found["boinc-client-wakeups"].notes == ("9.0 MiB PSS, 1.50 % of a core",)
