"""Workers to test, and what they work on."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparewatt.process.child import environment_for
from sparewatt.testing.worker import FakeWorkers
from sparewatt.testing.worker_bench import Bench
from sparewatt.worker.port import WorkerStarter
from sparewatt.worker.supervisor import WorkerSupervisor


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


@pytest.fixture
def real() -> WorkerSupervisor:
    return WorkerSupervisor(environment_for(os.environ, {}), print)


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.processes)])
def starter(request: pytest.FixtureRequest, real: WorkerSupervisor) -> WorkerStarter:
    # A step of the fake takes 10 ms, so that a test can do something in the middle of an assignment.
    return real if request.param == "real" else FakeWorkers(step_seconds=0.01)
