"""Joined runs of an engine, against a coordinator that may serve something else than was consented to."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sparewatt.blobs.folder import BlobFolder
from sparewatt.clock import SystemClock
from sparewatt.engine.run_snapshots import run_snapshot
from sparewatt.engine.runs import Runs
from sparewatt.engine.snapshots import Moments
from sparewatt.errors import InputError, RefusedError
from sparewatt.keys.derive import MasterSecret
from sparewatt.keys.identity import ContributorIdentity
from sparewatt.session.inspection import Tools
from sparewatt.session.outbox import Outbox
from sparewatt.session.outbox_thread import open_in_thread
from sparewatt.session.traffic import Limits, Traffic
from sparewatt.snapshot import ChangeSnapshot, RunSnapshot
from sparewatt.testing.run import FakeRun
from sparewatt.testing.transport import FakeCoordinator, FakeDial

CLOCK = SystemClock()
RUN, CHANGED, OTHER = FakeRun(), FakeRun(title="A <b>larger</b> run"), FakeRun(seed=2)


def runs_test(folder: Path, coordinator: FakeCoordinator, test: Callable[[Runs], Awaitable[None]]) -> None:
    async def run() -> None:
        outbox, _ = await open_in_thread(folder / "outbox")
        session = Tools(
            dial=FakeDial(coordinator),
            clock=CLOCK,
            random_bytes=lambda count: b"\x0c" * count,
            jitter=float,
            software="test",
            traffic=Traffic(CLOCK, Limits),
        )
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            blobs = BlobFolder(folder / "blobs")
            runs = Runs(
                outbox, blobs, session, CLOCK, tasks, lambda: None, lambda _: None, lambda _: None, lambda _: None
            )
            await runs.open(ContributorIdentity(MasterSecret(bytes(32)), "file"))
            await test(runs)
            for name in tuple(runs.drivers):
                await runs.leave(name, ())
        await outbox.close()

    asyncio.run(run())


async def shown(runs: Runs, run: FakeRun, fits: Callable[[RunSnapshot], bool]) -> RunSnapshot:
    """The run's snapshot as soon as it fits."""
    while True:
        found = run_snapshot(runs.drivers[run.run], (), Moments(CLOCK.monotonic(), CLOCK.unix()))
        if fits(found):
            return found
        await asyncio.sleep(0.01)


async def changed(runs: Runs, coordinator: FakeCoordinator) -> RunSnapshot:
    """Joined, connected, and then the same address serves what the organiser made of the run."""
    await runs.join(RUN.invite())
    await shown(runs, RUN, lambda found: found.connection.state == "connected")
    coordinator.run = CHANGED
    await cut(runs)
    return await shown(runs, RUN, lambda found: found.changed_run != "")


async def cut(runs: Runs) -> None:
    """As after a restart of the engine: every session begins again."""
    for name, driver in tuple(runs.drivers.items()):
        serving = runs._serving.pop(name)
        serving.cancel()
        await asyncio.wait((serving,))
        assert runs.identity is not None
        runs._begin(driver.joined, runs.identity)


def test_a_changed_run_gets_nothing_before_new_consent(tmp_path: Path) -> None:
    coordinator = FakeCoordinator(RUN)

    async def test(runs: Runs) -> None:
        found = await changed(runs, coordinator)
        assert found.changed == (ChangeSnapshot("title", "A small run", "A ‹b›larger‹/b› run"),)
        assert found.changed_run == CHANGED.run
        assert found.connection.error is not None
        assert found.connection.error.error_id == "session.changed"
        assert runs.offer() == "changed"
        for consent in (RUN.run, OTHER.run):
            with pytest.raises(InputError, match=r"join\.consent"):
                await runs.consent_again(RUN.run, consent, ())
        with pytest.raises(InputError, match=r"run\.unknown"):
            await runs.consent_again(OTHER.run, CHANGED.run, ())

    runs_test(tmp_path, coordinator, test)


def test_new_consent_goes_on_with_what_the_run_is_now(tmp_path: Path) -> None:
    coordinator = FakeCoordinator(RUN)

    async def test(runs: Runs) -> None:
        await changed(runs, coordinator)
        coordinator.latest = CHANGED.announce(1, 0)
        await runs.consent_again(RUN.run, CHANGED.run, ())
        found = await shown(runs, CHANGED, lambda one: one.connection.state == "connected")
        assert (found.changed, found.changed_run, found.title) == ((), "", "A ‹b›larger‹/b› run")
        (kept,) = await runs.outbox.call(Outbox.runs)
        assert (kept.run, kept.url, kept.invite_secret) == (CHANGED.run, RUN.invite().url, None)

    runs_test(tmp_path, coordinator, test)


def test_somebody_elses_run_at_the_address_is_refused_and_no_change(tmp_path: Path) -> None:
    coordinator = FakeCoordinator(RUN)

    async def test(runs: Runs) -> None:
        await runs.join(RUN.invite())
        await shown(runs, RUN, lambda found: found.connection.state == "connected")
        coordinator.run = OTHER
        await cut(runs)
        found = await shown(runs, RUN, lambda one: one.connection.state == "refused")
        assert found.changed_run == ""
        assert found.connection.error is not None
        assert found.connection.error.error_id == "session.unknown_run"

    runs_test(tmp_path, coordinator, test)


def test_an_invite_to_what_is_not_served_any_more_leads_nowhere(tmp_path: Path) -> None:
    coordinator = FakeCoordinator(CHANGED)

    async def test(runs: Runs) -> None:
        with pytest.raises(RefusedError, match=r"session\.unknown_run"):
            await runs.inspect(RUN.invite())

    runs_test(tmp_path, coordinator, test)
