"""A coordinator on a terminal: whatever ends the command ends what it started."""

import sysconfig
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sparewatt.errors import ConflictError
from sparewatt.work.manifest import InnerSpec
from sparewatt_coordinator.create.profile import run_profile
from sparewatt_coordinator.testing.processes import RealProcess, RealRun

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

TEXT = Path(sysconfig.get_path("stdlib")) / "email"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RealRun]:
    """A run that nobody serves."""
    profile = run_profile("tiny", contributors=1, tokens=1_000_000)
    small = replace(profile, inner=InnerSpec(inner_steps=4, batch_sequences=1, state="fresh"))
    made = RealRun(tmp_path, small, TEXT)
    made.coordinator.end()
    yield made
    made.end()


def nobody_serves(run: RealRun) -> bool:
    try:
        run.data.lock().release()
    except ConflictError:
        return False
    return True


@pytest.mark.parametrize("number", ["SIGTERM", "SIGKILL"])
def test_nothing_goes_on_serving_when_the_command_was_ended(run: RealRun, tmp_path: Path, number: str) -> None:
    command = ["sparewatt_cli", "coordinator", "serve", "--data", str(run.data.root)]
    serving = RealProcess(command, tmp_path / "serve.log")
    try:
        assert "Ctrl-C ends it" in serving.line()
        assert not nobody_serves(run)
        if number == "SIGTERM":
            assert serving.end() == 0
            assert nobody_serves(run)
        else:
            serving.kill()
            run.until(lambda: nobody_serves(run))
    finally:
        serving.end()
