"""An engine that is killed in a pause is followed by one that goes on where the work stopped."""

import asyncio
import os
import sysconfig
import tempfile
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from sparewatt.control.client import connect
from sparewatt.control.local_socket import control_address
from sparewatt.control.messages import SetSetting
from sparewatt.snapshot import WorkSnapshot
from sparewatt.work.manifest import InnerSpec, RoundSpec
from sparewatt.work.model import ModelSpec
from sparewatt_coordinator.create.profile import Profile, run_profile
from sparewatt_coordinator.testing.processes import RealEngine, real_run

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

TEXT = Path(sysconfig.get_path("stdlib")) / "email"
STEPS = 40


def long_assignments() -> Profile:
    """10 M parameters and 40 inner steps an assignment, whose lease lasts 20 minutes."""
    profile = run_profile("tiny", contributors=1, tokens=10_000_000)
    return replace(
        profile,
        model=ModelSpec(
            architecture="llama",
            vocabulary_size=256,
            hidden_size=384,
            intermediate_size=1024,
            layers=6,
            heads=6,
            key_value_heads=6,
            context_length=64,
        ),
        sequence_length=16,
        inner=InnerSpec(inner_steps=STEPS, batch_sequences=2, state="fresh"),
        optimiser=msgspec.structs.replace(profile.optimiser, peak_rate_nano=100_000, warmup_tokens=0),
        rounds=RoundSpec(
            tokens_target=STEPS * 32,
            grace_milliseconds=0,
            seconds_most=300,
            next_version_wait_milliseconds=0,
            tokens_total=10_000_000,
            seconds_total=0,
        ),
    )


def set_setting(engine: RealEngine, key: str, value: str) -> None:
    async def work() -> None:
        address = control_address(engine.folder, os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir())
        async with await connect(address) as client:
            revision = (await client.snapshot()).settings_revision
            await client.command(lambda number: SetSetting(id=number, revision=revision, key=key, value=value))

    asyncio.run(work())


def current(engine: RealEngine) -> WorkSnapshot | None:
    works = [device.current for device in engine.snapshot().devices]
    return works[0] if works else None


def test_work_goes_on_from_its_checkpoint_and_no_token_is_trained_twice(tmp_path: Path) -> None:
    with real_run(tmp_path, long_assignments(), TEXT) as run:
        engine = run.add_engine()
        run.until(lambda: (work := current(engine)) is not None and work.inner_steps >= 3, 180)
        set_setting(engine, "when_to_run", "never")
        run.until(lambda: (work := current(engine)) is not None and work.checkpoint_inner_steps > 0)
        run.until(lambda: all(device.worker == "none" for device in engine.snapshot().devices))
        stopped = current(engine)
        assert stopped is not None
        assert 3 <= stopped.checkpoint_inner_steps == stopped.inner_steps < STEPS
        assert run.status().status.updates_accepted == 0, "nothing was sent of it"

        engine.process.kill()
        engine.start_again()
        run.until(lambda: (work := current(engine)) is not None and work.assignment_id == stopped.assignment_id)
        waiting = current(engine)
        assert waiting is not None
        assert waiting.checkpoint_inner_steps == stopped.inner_steps
        set_setting(engine, "when_to_run", "always")
        run.until(lambda: bool(engine.receipts(run.created.run)), 240)
        (receipt, *_) = engine.receipts(run.created.run)
        said = (engine.folder / "engine.log").read_text()
        assert engine.process.end() == 0
        assert run.coordinator.end() == 0
        books = run.books()

    assert receipt.assignment_id == stopped.assignment_id
    assert receipt.tokens == STEPS * 32, "all of it, though it was begun only once"
    assert f"{stopped.assignment_id} goes on from its checkpoint" in said
    assert f"a checkpoint of {stopped.assignment_id} after {stopped.inner_steps} inner steps is kept" in said
    assert books.updates.count(stopped.assignment_id) == 1
    assert sorted(assignment for assignment, _ in books.credits) == sorted(books.updates)
