from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as with_fields

from sparewatt.governor import Facts, Pace, pace
from sparewatt.governor.trust import plausible_celsius
from sparewatt.host.sample import Sample
from sparewatt.policy import COMPUTE_ORDER, Decision, Match
from sparewatt.wording.limits import pace_words

DEVICE = "cuda:GPU-1"
POWERED = Sample(DEVICE, t=10.0, power_watts=200.0, power_kind="energy", temperature_celsius=50.0)
BARE = Sample("cpu", t=10.0)


def decision(
    now: float = 10.0, *, speed: int = 100, cap: int | None = None, limit: int | None = 75, compute: str = "full"
) -> Decision:
    assert compute in COMPUTE_ORDER
    return Decision(DEVICE, compute, "allowed", (), speed, now, cap, limit)


def course(
    sample: Callable[[float, Pace | None], Sample],
    seconds: float,
    paced: Pace | None = None,
    start: float = 10.0,
    facts: Facts = Facts(),  # noqa: B008 - frozen
    **limits: int | None,
) -> list[Pace]:
    """Paces of every half second."""
    found: list[Pace] = []
    now = start
    while now < start + seconds:
        paced = pace(decision(now, **limits), sample(now, paced), paced, now, facts)  # type: ignore[arg-type]
        found.append(paced)
        now += 0.5
    return found


def steady(watts: float | None, celsius: float | None = 50.0) -> Callable[[float, Pace | None], Sample]:
    """A device that draws and is as warm as that whatever it is told; its last digit moves as a real one's does."""

    def sample(now: float, _: Pace | None) -> Sample:
        moving = watts + (now % 7.0) * 1e-3 if watts is not None and watts > 0.0 else watts
        return Sample(DEVICE, now, moving, None if watts is None else "average_1s", celsius)

    return sample


def test_a_fresh_sample_and_a_full_decision_run_at_full_duty() -> None:
    paced = pace(decision(), POWERED, None, 10.0)
    assert (paced.grant, paced.duty, paced.reason, paced.limit) == ("compute", 1.0, None, None)
    assert paced.had_power
    assert paced.had_temperature


def test_the_speed_limit_is_the_duty_and_is_named() -> None:
    limited = pace(decision(speed=30), BARE, None, 10.0)
    assert (limited.grant, limited.duty, limited.limit, limited.reason) == ("compute", 0.3, "speed_limit", None)


def test_a_stop_lets_what_was_computed_be_encoded_without_any_sensor() -> None:
    stopped = pace(decision(compute="stop"), None, None, 10.0)
    assert (stopped.grant, stopped.duty, stopped.reason) == ("encode", 0.0, "decision")


@pytest.mark.parametrize("rule", ["battery", "memory_low"])
def test_a_stop_for_battery_or_memory_encodes_nothing(rule: str) -> None:
    match = Match(rule, "stop", "essential", {}, None, None)
    stopped = Decision(DEVICE, "stop", "essential", (match,), 100, 10.0)
    assert pace(stopped, POWERED, None, 10.0).grant == "hold"


def test_a_hold_keeps_the_worker() -> None:
    assert pace(decision(compute="hold"), POWERED, None, 10.0).grant == "hold"


def test_without_a_decision_or_a_sample_the_permit_is_not_advanced() -> None:
    assert (pace(None, POWERED, None, 10.0).grant, pace(None, POWERED, None, 10.0).reason) == ("none", "decision_stale")
    assert (pace(decision(), None, None, 10.0).grant, pace(decision(), None, None, 10.0).reason) == (
        "none",
        "no_sample",
    )


@pytest.mark.parametrize(("now", "reason"), [(11.0, None), (11.1, "sample_stale"), (9.9, "decision_stale")])
def test_a_sample_is_believed_for_one_second_so_that_with_the_permits_two_it_makes_three(
    now: float, reason: str | None
) -> None:
    first = pace(decision(9.8), POWERED, None, 10.0)
    assert pace(decision(), POWERED, first, now).reason == reason


def test_a_decision_is_young_for_five_seconds() -> None:
    assert pace(decision(), Sample(DEVICE, t=15.0), None, 15.0).grant == "compute"
    assert pace(decision(), Sample(DEVICE, t=15.1), None, 15.1).reason == "decision_stale"


def test_a_device_that_never_had_a_sensor_runs_under_the_speed_limit_alone() -> None:
    paces = course(steady(None, None), 100.0, cap=50, speed=40)
    assert {(each.grant, each.duty, each.limit) for each in paces} == {("compute", 0.4, "speed_limit")}


@pytest.mark.parametrize("lie", [None, -5.0, 0.0, 1e9, float("nan"), float("inf")])
def test_a_power_that_is_lost_or_absurd_stops_and_is_tried_again_later_each_time(lie: float | None) -> None:
    paced = course(steady(200.0), 5.0)[-1]
    waits: list[float] = []
    now = 15.0
    for _ in range(4):
        lost = course(steady(lie), 3.0, paced, now)[-1]
        assert (lost.grant, lost.reason, lost.leave) == ("none", "sensor_lost", True)
        assert lost.resumes_s is not None
        back = course(steady(200.0), 400.0, lost, now + 3.0)
        again = next(index for index, each in enumerate(back) if each.grant == "compute")
        waits.append(now + 3.0 + again * 0.5 - now)
        paced, now = back[again], now + 3.0 + again * 0.5 + 0.5
    assert waits == sorted(waits)
    assert waits[0] < 10.0
    assert waits[3] >= 40.0


def test_one_missing_value_is_no_loss() -> None:
    paced = course(steady(200.0), 5.0)[-1]
    assert course(steady(None), 0.5, paced, 15.0)[-1].grant == "compute"


def test_a_frozen_power_sensor_is_lost_while_the_device_is_switched_on_and_off() -> None:
    def frozen(now: float, _: Pace | None) -> Sample:
        return Sample(DEVICE, now, 90.0, "average_1s", 50.0, utilisation_percent=100.0)

    paces = course(frozen, 65.0, cap=200)
    assert any(each.reason == "sensor_lost" for each in paces)


def test_it_cools_down_a_minute_at_least_and_until_it_is_cool() -> None:
    paces = course(steady(None, 60.0), 5.0)
    hot = course(steady(None, 77.0), 5.0, paces[-1], 15.0)
    assert (hot[-1].grant, hot[-1].reason, hot[-1].cooling) == ("hold", "temperature", True)
    assert hot[-1].parameters["celsius"] == 77
    warm = course(steady(None, 70.0), 80.0, hot[-1], 20.0)
    assert warm[-1].cooling
    cool = course(steady(None, 67.0), 10.0, warm[-1], 100.0)
    assert cool[-1].grant == "compute"
    early = course(steady(None, 40.0), 50.0, hot[-1], 20.0)
    assert all(each.grant != "compute" for each in early)


def test_a_device_that_rests_warm_goes_on_once_it_has_settled() -> None:
    hot = course(steady(None, 77.0), 5.0)
    assert course(steady(None, 71.0), 300.0, hot[-1], 15.0)[-1].grant == "compute"


@pytest.mark.parametrize("slowdown", ["hardware_thermal", "power_brake"])
def test_a_device_that_says_it_slows_itself_down_is_stopped(slowdown: str) -> None:
    def slowed(now: float, _: Pace | None) -> Sample:
        return with_fields(POWERED, t=now, slowdowns=(slowdown,))

    assert course(slowed, 1.0)[0].reason == "slowdown"


def test_a_hardware_slowdown_that_flickers_is_not_believed_and_one_of_two_seconds_is() -> None:
    def slowed(now: float, _: Pace | None) -> Sample:
        return with_fields(POWERED, t=now, slowdowns=("hardware_slowdown",))

    paces = course(slowed, 4.0)
    assert [each.reason for each in paces] == [None] * 4 + ["slowdown"] * 4


@pytest.mark.parametrize(("state", "reason", "duty"), [("fair", None, 0.6), ("serious", "thermal_state", 0.0)])
def test_the_systems_word_about_heat_counts(state: str, reason: str | None, duty: float) -> None:
    sample = Sample("metal", 10.0, thermal_state=state)  # type: ignore[arg-type]
    paced = pace(decision(), sample, None, 10.0)
    assert (paced.reason, paced.duty) == (reason, duty)


def test_the_limit_stays_ten_kelvins_below_where_the_device_slows_itself_down() -> None:
    close = with_fields(POWERED, margin_kelvin=20.0)  # slows down at 70 °C
    paced = pace(decision(limit=90), close, None, 10.0)
    assert paced.temperature_most_celsius == 60
    assert pace(decision(limit=90), with_fields(close, temperature_celsius=65.0, margin_kelvin=5.0), None, 10.0).cooling
    assert pace(decision(limit=90), POWERED, None, 10.0, Facts(slowdown_celsius=58)).cooling


def test_a_worker_that_rests_too_long_leaves_and_none_is_started() -> None:
    hot = course(steady(None, 80.0), 200.0)
    assert not hot[100].leave
    assert [hot[-1].leave, hot[-1].grant] == [True, "none"]
    assert course(steady(None, 80.0), 1.0, facts=Facts(attached=False))[-1].leave


def test_a_rest_that_grows_hotter_ends_with_the_worker_gone() -> None:
    rising = course(lambda now, _: Sample(DEVICE, now, None, None, 76.0 + 0.1 * now), 60.0)
    rested = next(index for index, paced in enumerate(rising) if paced.reason == "temperature")
    left = next(index for index, paced in enumerate(rising) if paced.leave)
    assert 10.0 <= (left - rested) / 2 <= 30.0
    assert rising[left].grant == "encode"
    assert rising[-1].resumes_s is not None


def test_a_draw_above_the_cap_that_came_with_a_worker_is_the_workers() -> None:
    alone = course(steady(15.0), 10.0, facts=Facts(attached=False, power_limit_watts=320), cap=50)
    drawn = course(steady(60.0), 40.0, alone[-1], 20.0, facts=Facts(power_limit_watts=320), cap=50)
    reasons = {paced.reason for paced in drawn}
    assert "cap_too_low" in reasons
    assert "power_taken" not in reasons
    assert drawn[-1].leave


def drawing(full: float, gap: float, rest: float = 10.0) -> Callable[[float, Pace | None], Sample]:
    """A device that draws what it was granted."""

    def sample(now: float, paced: Pace | None) -> Sample:
        busy = paced.duty if paced is not None and paced.grant == "compute" else 0.0
        watts = gap + (full - gap) * busy if now >= 12.0 else rest
        return Sample(DEVICE, now, watts + (now % 7.0) * 1e-3, "average_1s", 50.0)

    return sample


def test_a_cap_is_reached_and_kept_and_what_the_device_draws_is_learnt() -> None:
    paces = course(drawing(300.0, 50.0), 300.0, cap=150)
    last = paces[-1]
    assert last.limit == "power"
    assert last.power_mean_watts is not None
    assert 125.0 < last.power_mean_watts <= 150.0
    assert last.learnt.gap_watts == pytest.approx(50.0, abs=1.0)
    assert last.learnt.full_watts == pytest.approx(300.0, rel=0.15)
    assert last.power_least_watts is not None
    assert 57 < last.power_least_watts < 70


def test_a_worker_that_waits_for_data_teaches_nothing_of_its_work() -> None:
    waiting = course(drawing(55.0, 50.0), 120.0, facts=Facts(power_limit_watts=320), cap=150)[-1]
    assert waiting.learnt.gap_watts == pytest.approx(50.0, abs=1.0)
    assert waiting.learnt.full_watts is None


def test_what_the_last_permit_let_begin_in_a_silence_is_in_the_account() -> None:
    working = course(drawing(300.0, 50.0), 300.0, cap=150)[-1]
    heard_s = working.memory.power.t
    assert heard_s is not None
    paced = working
    for second in range(1, 10):
        paced = pace(decision(heard_s + second, cap=150), None, paced, heard_s + second)
    now = heard_s + 10.0
    paced = pace(decision(now, cap=150), Sample(DEVICE, now, 50.0, "average_1s", 50.0), paced, now)
    drawn = paced.memory.power.joules - working.memory.power.joules
    # Ten seconds of rest, and three of them perhaps at full.
    assert drawn == pytest.approx(10 * 50.0 + 3 * 250.0, rel=0.15)


def test_under_a_cap_no_worker_is_kept_where_nobody_sees_what_it_draws() -> None:
    working = course(drawing(300.0, 50.0), 60.0, cap=150)[-1]
    seen_s = working.memory.trust.valid_s
    assert seen_s is not None
    paced, left = working, []
    for second in range(2, 20):
        paced = pace(decision(seen_s + second, cap=150), None, paced, seen_s + second)
        left.append(paced.leave)
    assert left == [second >= 10 for second in range(2, 20)]
    assert not pace(decision(seen_s + 15.0), None, working, seen_s + 15.0).leave


def test_work_that_does_not_come_does_not_raise_what_the_temperature_allows() -> None:
    warm = course(
        lambda now, paced: with_fields(drawing(300.0, 50.0)(now, paced), temperature_celsius=69.0), 300.0, cap=250
    )
    idle = course(steady(50.0, 69.0), 300.0, warm[-1], 310.0, cap=250)
    assert warm[-1].memory.heat.most > 0.5
    cooled = course(steady(50.0, 74.8), 30.0, idle[-1], 610.0, cap=250)[-1]
    again = course(steady(50.0, 69.0), 300.0, cooled, 640.0, cap=250)[-1]
    assert again.memory.heat.most <= cooled.memory.heat.most + 0.2


def test_what_the_temperature_allows_comes_down_while_a_warm_device_waits_for_work() -> None:
    working = course(drawing(300.0, 50.0), 60.0, cap=250)[-1]
    assert working.memory.heat.most == 1.0
    waiting = course(steady(50.0, 72.5), 30.0, working, 70.0, cap=250)[-1]
    assert waiting.grant == "compute"
    assert waiting.memory.heat.most < 0.2


def test_a_cap_below_the_draw_at_rest_is_refused_in_words_and_tried_again() -> None:
    paces = course(drawing(300.0, 100.0), 60.0, cap=90)
    refused = paces[-1]
    assert (refused.reason, refused.leave) == ("cap_too_low", True)
    assert "100 W" not in pace_words("cap_too_low", refused.parameters)
    assert f"{refused.parameters['least']} W is the least" in pace_words("cap_too_low", refused.parameters)
    assert refused.resumes_s is not None
    later = course(drawing(300.0, 10.0), 30.0, refused, refused.resumes_s + 0.5, cap=90)
    assert any(each.grant == "compute" for each in later)
    raised = course(drawing(300.0, 100.0), 3.0, refused, 70.0, cap=200)
    assert raised[-1].reason in (None, "measuring")


def test_what_others_draw_stops_own_work_until_they_are_done() -> None:
    own = course(drawing(300.0, 50.0), 60.0, cap=150)[-1]
    game = course(steady(320.0), 60.0, own, 70.0, cap=150)
    assert game[-1].reason == "power_taken"
    assert all(each.grant != "compute" for each in game[20:])
    done = course(drawing(300.0, 20.0), 90.0, game[-1], 130.0, cap=150)
    assert done[-1].grant == "compute"


@pytest.mark.parametrize("jump", [-1000.0, 30.0, 100_000.0])
def test_a_jump_of_the_clock_begins_anew_and_ends(jump: float) -> None:
    before = course(drawing(300.0, 50.0), 100.0, start=5_000.0, cap=150)[-1]
    after = course(drawing(300.0, 50.0), 120.0, before, 5_100.0 + jump, cap=150)
    first = next(each for each in after if each.grant == "compute")
    assert first.duty <= 0.2
    assert after[-1].grant == "compute"


def test_a_pause_that_nobody_looks_at_any_more_ends_by_itself() -> None:
    paced: Pace | None = course(steady(None, 80.0), 5.0)[-1]
    for now in range(16, 400):
        paced = pace(decision(float(now), compute="stop"), None, paced, float(now), Facts(attached=False))
    assert paced is not None
    assert not paced.cooling


def test_micro_batches_are_short_while_somebody_is_there() -> None:
    assert pace(decision(), POWERED, None, 10.0, Facts(person_active=True)).micro_batch_seconds == 0.05
    assert pace(decision(), POWERED, None, 10.0).micro_batch_seconds == 0.25


def test_only_a_capped_device_that_knows_but_the_instant_is_looked_at_more_often() -> None:
    instant = with_fields(POWERED, power_kind="instant")
    assert pace(decision(cap=150), instant, None, 10.0).sample_seconds == 0.25
    assert pace(decision(), instant, None, 10.0).sample_seconds == 0.5
    assert pace(decision(cap=150), POWERED, None, 10.0).sample_seconds == 0.5


WATTS = st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.floats(1.0, 500.0)
CELSIUS = st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.floats(20.0, 100.0)
STEPS = st.lists(
    st.tuples(st.floats(-3.0, 8.0), st.floats(0.0, 3.0), WATTS, CELSIUS, st.integers(0, 2**62), st.booleans()),
    min_size=1,
    max_size=30,
)


@given(STEPS, st.none() | st.integers(1, 400), st.integers(40, 100), st.sampled_from(COMPUTE_ORDER))
def test_whatever_the_sensors_say_there_is_no_duty_without_fresh_evidence_and_no_reason_without_words(
    steps: list[tuple[float, float, float | None, float | None, int, bool]], cap: int | None, limit: int, compute: str
) -> None:
    paced: Pace | None = None
    now, taken = 100.0, None
    for elapsed, age, watts, celsius, counter, attached in steps:
        now += elapsed
        if now - age == taken:
            continue  # a sample is known by its moment: there are no two of one
        taken = now - age
        sample = Sample(DEVICE, taken, watts, "energy", celsius, energy_millijoules=counter)
        paced = pace(decision(now, cap=cap, limit=limit, compute=compute), sample, paced, now, Facts(attached=attached))
        if paced.grant == "compute":
            assert 0.0 < paced.duty <= 1.0
            assert compute in ("full", "limited")
            assert age <= 1.0
            # Nonsense is no temperature; it is borne for a second after the last sample that could be believed.
            assert plausible_celsius(sample) is None or not (celsius or 0.0) > limit + 3
            assert paced.reason is None
        else:
            assert (paced.duty, paced.reason is None) == (0.0, False)
            words = pace_words(paced.reason or "", paced.parameters)
            assert words
            assert "no words" not in words
            assert "unknown" not in words
        assert len(paced.memory.power.window.marks) <= 63
