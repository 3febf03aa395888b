from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.governor import Pace, pace
from sparewatt.host.sample import Sample
from sparewatt.policy import COMPUTE_ORDER, Decision, Match

FULL = Decision("cuda:GPU-1", "full", "allowed", (), 100, decided_s=10.0)
POWERED = Sample("cuda:GPU-1", t=10.0, power_watts=200.0, temperature_celsius=60.0)
BARE = Sample("cpu", t=10.0)


def test_a_fresh_sample_and_a_full_decision_run_at_full_duty() -> None:
    assert pace(FULL, POWERED, None, 10.0) == Pace("compute", 1.0, None, None, had_power=True, had_temperature=True)


def test_the_speed_limit_is_the_duty_and_is_named() -> None:
    limited = pace(replace(FULL, speed_limit_percent=30), BARE, None, 10.0)
    assert (limited.grant, limited.duty, limited.limit, limited.reason) == ("compute", 0.3, "speed_limit", None)


def test_a_stop_lets_what_was_computed_be_encoded_without_any_sensor() -> None:
    stopped = pace(replace(FULL, compute="stop"), None, None, 10.0)
    assert (stopped.grant, stopped.duty, stopped.reason) == ("encode", 0.0, "decision")


@pytest.mark.parametrize("rule", ["battery", "memory_low"])
def test_a_stop_for_battery_or_memory_encodes_nothing(rule: str) -> None:
    match = Match(rule, "stop", "essential", {}, None, None)
    assert pace(replace(FULL, compute="stop", matches=(match,)), POWERED, None, 10.0).grant == "hold"


def test_a_hold_keeps_the_worker() -> None:
    assert pace(replace(FULL, compute="hold"), POWERED, None, 10.0).grant == "hold"


def test_without_a_decision_or_a_sample_the_permit_is_not_advanced() -> None:
    assert pace(None, POWERED, None, 10.0) == Pace("none", 0.0, "decision_stale", None, True, True)
    assert pace(FULL, None, None, 10.0) == Pace("none", 0.0, "no_sample", None)


@pytest.mark.parametrize(("now", "reason"), [(12.0, None), (12.1, "sample_stale"), (9.9, "decision_stale")])
def test_a_sample_is_fresh_for_two_seconds(now: float, reason: str | None) -> None:
    assert pace(FULL, POWERED, None, now).reason == reason


def test_a_decision_is_young_for_five_seconds() -> None:
    assert pace(FULL, Sample("cuda:GPU-1", t=15.0), None, 15.0).grant == "compute"
    late = pace(FULL, Sample("cuda:GPU-1", t=15.1), None, 15.1)
    assert (late.grant, late.reason) == ("none", "decision_stale")


def test_a_device_that_never_had_a_sensor_is_paced_by_freshness_alone() -> None:
    first = pace(FULL, BARE, None, 10.0)
    assert pace(FULL, BARE, first, 11.0).grant == "compute"


def test_a_sensor_that_is_lost_withholds_until_it_is_back() -> None:
    had = pace(FULL, POWERED, None, 10.0)
    lost = pace(FULL, Sample("cuda:GPU-1", t=10.5, temperature_celsius=60.0), had, 10.5)
    assert (lost.grant, lost.reason) == ("none", "sensor_lost")
    assert pace(FULL, POWERED, lost, 11.0).grant == "compute"


SAMPLES = st.none() | st.builds(
    Sample, st.just("cpu"), st.floats(0, 20), st.none() | st.just(100.0), temperature_celsius=st.none() | st.just(50.0)
)
DECISIONS = st.none() | st.builds(
    Decision,
    st.just("cpu"),
    st.sampled_from(COMPUTE_ORDER),
    st.just("allowed"),
    st.just(()),
    st.integers(1, 100),
    st.floats(0, 20),
)


@given(DECISIONS, st.lists(SAMPLES, min_size=1, max_size=5), st.floats(0, 20))
def test_no_duty_without_fresh_evidence(decision: Decision | None, samples: list[Sample | None], now: float) -> None:
    paced: Pace | None = None
    for sample in samples:
        paced = pace(decision, sample, paced, now)
    assert paced is not None
    if paced.grant == "compute":
        assert paced.duty > 0
        assert decision is not None
        assert decision.compute in ("full", "limited")
        assert paced.duty <= decision.speed_limit_percent / 100
        assert sample is not None
        assert now - sample.t <= 2.0
        assert now - decision.decided_s <= 5.0
        assert not (any(s is not None and s.power_watts for s in samples) and sample.power_watts is None)
    else:
        assert (paced.duty, paced.limit) == (0.0, None)
        assert paced.reason is not None
