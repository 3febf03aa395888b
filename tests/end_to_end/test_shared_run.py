"""A whole run whose versions come with second moments and halved keyframes, with all its programs."""

import sysconfig
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from sparewatt.numeric.keyframe import keyframe_bytes
from sparewatt.work.manifest import InnerSpec, RoundSpec
from sparewatt.work.model import ModelSpec
from sparewatt.work.receipt import Announcement
from sparewatt_coordinator.create.exchange import Wishes, with_exchange
from sparewatt_coordinator.create.profile import Profile, run_profile
from sparewatt_coordinator.store import sqlite
from sparewatt_coordinator.testing.processes import RealEngine, RealRun, real_run

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

TEXT = Path(sysconfig.get_path("stdlib")) / "email"


def sharing() -> Profile:
    """60 thousand parameters; every update is a round, and every second version a keyframe."""
    profile = with_exchange(run_profile("tiny", contributors=2, tokens=10_000_000), Wishes(keyframe_type="bf16"))
    return replace(
        profile,
        model=ModelSpec("llama", 256, 32, 64, 2, 2, 2, 64),
        sequence_length=16,
        inner=InnerSpec(inner_steps=20, batch_sequences=4, state="fresh-shared-v"),
        optimiser=msgspec.structs.replace(profile.optimiser, peak_rate_nano=100_000, warmup_tokens=0),
        outer=msgspec.structs.replace(profile.outer, keyframe_every=2),
        rounds=RoundSpec(
            tokens_target=1_280,
            grace_milliseconds=0,
            seconds_most=5,
            next_version_wait_milliseconds=0,
            tokens_total=100_000_000,
            seconds_total=0,
        ),
    )


def applied(engine: RealEngine) -> int:
    runs = engine.snapshot().runs
    return (runs[0].version or 0) if runs else 0


def announced(run: RealRun) -> tuple[Announcement, Announcement]:
    """What a coordinator that has ended had said last, and the version that a newcomer begins with."""
    store = sqlite.open(run.data.database, create=False)
    try:
        root = store.way(None).keyframe
        assert root is not None
        latest, first = (msgspec.json.decode(each.body, type=Announcement) for each in (store.run().latest, root))
        return latest, first
    finally:
        store.close()


def test_devices_train_from_shared_moments_and_join_by_a_halved_keyframe(tmp_path: Path) -> None:
    with real_run(tmp_path, sharing(), TEXT) as run:
        first = run.add_engine()
        run.until(lambda: applied(first) >= 3, 240)
        second = run.add_engine()
        run.until(lambda: applied(second) >= 4 and len(second.receipts(run.created.run)) >= 2, 240)
        assert all(engine.snapshot().devices[0].error is None for engine in (first, second))
        status = run.status().status
        assert status.updates_refused == 0
        assert status.version.number >= 4
        run.coordinator.end()
        latest, root = announced(run)
        assert latest.moments is not None
        assert root.version.number >= 2
        assert root.keyframe is not None
        assert root.keyframe.size == keyframe_bytes(run.created.manifest.model, "BF16")
