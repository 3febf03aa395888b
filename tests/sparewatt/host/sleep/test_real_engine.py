"""A computer that goes to sleep under a real engine, worker and coordinator; the login manager is dbusmock's."""

import sysconfig
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from sparewatt.host.sleep.delay import LEAVING_SECONDS_MOST
from sparewatt_coordinator.create.profile import Profile, run_profile
from sparewatt_coordinator.testing.processes import RealEngine, real_run

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]

TEXT = Path(sysconfig.get_path("stdlib")) / "asyncio"
NONE = "(@a(ssssuu) [],)\n"


def endless() -> Profile:
    profile = run_profile("tiny", contributors=1, tokens=1_000_000_000)
    return replace(
        profile, sequence_length=64, rounds=msgspec.structs.replace(profile.rounds, next_version_wait_milliseconds=0)
    )


def workers(engine: RealEngine) -> list[psutil.Process]:
    """Its workers that still hold memory."""
    children = psutil.Process(engine.process.pid).children(recursive=True)
    return [child for child in children if "sparewatt.worker" in child.cmdline()]


def trains(engine: RealEngine) -> bool:
    (device,) = engine.snapshot().devices or (None,)
    return device is not None and device.current is not None and device.current.inner_steps > 0


def test_the_computer_sleeps_once_the_worker_is_gone_and_the_work_goes_on_after_it(
    bus: str, login_manager: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus)
    with real_run(tmp_path, endless(), TEXT) as run:
        engine = run.add_engine()
        # Other engines of this computer may hold its threads for a while.
        run.until(lambda: trains(engine), 300)
        assert "'delay'" in login_manager.answer("ListInhibitors")

        announced = time.monotonic()
        login_manager.signal("PrepareForSleep", "b", "[<true>]")
        run.until(lambda: login_manager.answer("ListInhibitors") == NONE)
        let_go = time.monotonic()
        assert not workers(engine) or let_go - announced >= LEAVING_SECONDS_MOST
        run.until(lambda: not workers(engine))
        (device,) = engine.snapshot().devices
        assert device.decision is not None
        assert "sleeping" in [reason.rule for reason in device.decision.reasons]

        login_manager.signal("PrepareForSleep", "b", "[<false>]")
        run.until(lambda: trains(engine) and login_manager.answer("ListInhibitors") != NONE, 300)
        assert engine.process.end() == 0
        run.until(lambda: login_manager.answer("ListInhibitors") == NONE)
