"""What is watched of an engine with a slow uplink."""

import msgspec
import pytest

from benchmarks import uplink
from benchmarks.uplink import INNER_STEPS, Watched
from sparewatt_coordinator.create.profile import try_profile


def test_the_slow_one_is_compared_with_the_free_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def both() -> tuple[Watched, Watched]:
        return Watched(1_000.0, 100.0, 2e6), Watched(850.0, 95.0, 1e6)

    monkeypatch.setattr(uplink, "_both", both)
    speed, training = uplink.uplink()
    assert (speed.measure, speed.reference, speed.met) == (850.0, 1_000.0, False)
    assert (training.measure, training.met) == (95.0, True)
    assert "1.00 Mbit/s of 10, and 2.00 without" in speed.notes[0]


def test_only_the_length_of_assignments_is_other_than_in_a_trial() -> None:
    profile = try_profile(2, 60.0)
    short = uplink._short(profile)
    assert short.inner == msgspec.structs.replace(profile.inner, inner_steps=INNER_STEPS)
    assert (short.model, short.codec, short.rounds) == (profile.model, profile.codec, profile.rounds)
