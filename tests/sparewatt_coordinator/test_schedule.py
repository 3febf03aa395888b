"""How large an assignment is and which learning rates it has."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sparewatt_coordinator import schedule
from sparewatt_coordinator.schedule import Progress, Sized, TooSlow
from sparewatt_coordinator.testing.runs import FULL_TOKENS, INNER_STEPS, STEP_TOKENS, manifest, with_rounds

# T is 10 s and an assignment 8 inner steps of 16 tokens.
RUN = manifest()


def test_an_unknown_speed_gets_one_full_assignment() -> None:
    assert schedule.size(RUN, 0) == Sized(INNER_STEPS)


def test_a_device_gets_what_it_can_do_in_one_round_between_a_quarter_and_a_full_assignment() -> None:
    assert schedule.size(RUN, STEP_TOKENS // 2) == Sized(5)
    assert schedule.size(RUN, 10**9) == Sized(INNER_STEPS)
    assert schedule.size(RUN, 1) == Sized(INNER_STEPS // 4)


def test_where_every_update_is_a_round_a_fast_device_gets_four_times_as_much() -> None:
    alone = with_rounds(RUN, tokens_target=FULL_TOKENS // 4)
    assert schedule.size(alone, STEP_TOKENS) == Sized(10)
    assert schedule.size(alone, 10**9) == Sized(4 * INNER_STEPS)


def test_a_slow_device_gets_what_it_can_do_in_one_and_a_half_of_the_rounds_that_others_make() -> None:
    assert schedule.size(RUN, STEP_TOKENS, round_lasts_milliseconds=4_000) == Sized(6)
    assert schedule.size(RUN, STEP_TOKENS // 2, round_lasts_milliseconds=4_000) == Sized(3)
    assert schedule.size(RUN, STEP_TOKENS // 4, round_lasts_milliseconds=4_000) == Sized(INNER_STEPS // 4)


@given(st.integers(90, 110), st.integers(100, 10_000))
def test_equal_devices_keep_full_assignments_however_inexact_speeds_are(percent: int, speed: int) -> None:
    lasts = 1000 * FULL_TOKENS // speed
    assert schedule.size(with_rounds(RUN, seconds_most=10_000), speed * percent // 100, lasts) == Sized(INNER_STEPS)


def test_long_rounds_make_no_assignment_longer_than_t() -> None:
    assert schedule.size(RUN, STEP_TOKENS // 2, round_lasts_milliseconds=10**9) == schedule.size(RUN, STEP_TOKENS // 2)


def test_a_round_is_timed_over_the_last_eight() -> None:
    began = [0, 100, 500, 600, 700, 800, 900, 1_000, 1_700, 1_800, 1_900]  # of round 0 on

    def lasts(gathering: int) -> int | None:
        return schedule.round_milliseconds(1, gathering, lambda number: began[number])

    assert [lasts(gathering) for gathering in (1, 2, 3)] == [None, None, 400]
    assert [lasts(gathering) for gathering in (9, 10, 11)] == [1_600 // 7, 1_700 // 8, 1_400 // 8]


def test_a_device_comes_too_late_when_a_quarter_outlasts_all_rounds_that_would_take_it() -> None:
    # Two inner steps take 2 s, and an update may be one round old: so it has two rounds.
    assert not schedule.comes_too_late(RUN, STEP_TOKENS, 1_000)
    assert schedule.comes_too_late(RUN, STEP_TOKENS, 999)
    assert not schedule.comes_too_late(RUN, STEP_TOKENS, None)
    assert not schedule.comes_too_late(RUN, 0, 1)


def test_a_device_that_cannot_do_a_quarter_in_four_rounds_is_not_wanted() -> None:
    slow = msgspec.structs.replace(RUN, inner=msgspec.structs.replace(RUN.inner, inner_steps=12))
    assert schedule.size(slow, 1) == TooSlow(seconds=48)


@given(st.integers(0, 10**9), st.none() | st.integers(0, 10**9), st.sampled_from((1, FULL_TOKENS // 4, FULL_TOKENS)))
def test_a_size_is_always_in_bounds(speed: int, lasts: int | None, target: int) -> None:
    sized = schedule.size(with_rounds(RUN, tokens_target=target), speed, lasts)
    most = INNER_STEPS if target == FULL_TOKENS else 4 * INNER_STEPS
    assert isinstance(sized, TooSlow) or INNER_STEPS // 4 <= sized.inner_steps <= most


def test_the_rate_warms_up_stays_and_decays_to_its_last_value() -> None:
    plan = with_rounds(RUN, tokens_total=1_000)
    plan = msgspec.structs.replace(plan, optimiser=msgspec.structs.replace(plan.optimiser, warmup_tokens=100))
    points = [Progress(tokens, 0) for tokens in (0, 50, 100, 800, 900, 1_000, 5_000)]
    rates = [schedule.rates(plan, point, point)[0] for point in points]
    assert rates == [1, 500_000, 1_000_000, 1_000_000, 550_000, 100_000, 100_000]


def test_time_decays_too_when_it_is_further_than_tokens() -> None:
    plan = with_rounds(RUN, tokens_total=1_000, seconds_total=100)
    assert schedule.rates(plan, Progress(0, 90), Progress(900, 0)) == (550_000, 550_000)


@given(st.integers(0, 2_000), st.integers(0, 2_000), st.integers(0, 200))
def test_after_the_warm_up_the_rate_never_grows(tokens: int, more: int, seconds: int) -> None:
    plan = with_rounds(RUN, tokens_total=1_000, seconds_total=100)
    first, last = schedule.rates(plan, Progress(tokens, seconds), Progress(tokens + more, seconds))
    assert 0 < last <= first <= RUN.optimiser.peak_rate_nano


def test_a_run_has_ended_by_tokens_or_by_time() -> None:
    plan = with_rounds(RUN, tokens_total=FULL_TOKENS, seconds_total=100)
    assert not schedule.ended(plan, FULL_TOKENS - 1, 99)
    assert schedule.ended(plan, FULL_TOKENS, 0)
    assert schedule.ended(plan, 0, 100)


def test_several_heartbeats_fit_into_a_lease() -> None:
    assert schedule.lease_seconds(RUN) >= 4 * schedule.heartbeat_seconds(RUN)


def test_work_of_seconds_in_rounds_of_seconds_is_leased_for_two_heartbeats() -> None:
    assert schedule.work_lease_seconds(RUN, FULL_TOKENS, FULL_TOKENS, round_lasts_milliseconds=2_000) == 40


def test_work_is_leased_for_four_times_as_long_as_it_takes_and_while_a_version_would_take_it() -> None:
    assert schedule.work_lease_seconds(RUN, FULL_TOKENS, FULL_TOKENS // 16, round_lasts_milliseconds=2_000) == 64
    # An update may be one round old: so it has two rounds.
    assert schedule.work_lease_seconds(RUN, FULL_TOKENS, FULL_TOKENS, round_lasts_milliseconds=30_000) == 60


def test_while_speed_or_rounds_are_unknown_a_lease_is_the_longest() -> None:
    longest = schedule.lease_seconds(RUN)
    assert schedule.work_lease_seconds(RUN, FULL_TOKENS, 0, round_lasts_milliseconds=2_000) == longest
    assert schedule.work_lease_seconds(RUN, FULL_TOKENS, FULL_TOKENS, round_lasts_milliseconds=None) == longest


@given(
    st.integers(1, 20_000),
    st.integers(1, 10**6),
    st.integers(0, 10**9),
    st.none() | st.integers(0, 10**9),
)
def test_a_lease_is_never_longer_than_the_longest_nor_shorter_than_two_heartbeats(
    seconds_most: int, tokens: int, speed: int, lasts: int | None
) -> None:
    of = with_rounds(RUN, seconds_most=seconds_most)
    lease = schedule.work_lease_seconds(of, tokens, speed, lasts)
    assert 2 * schedule.heartbeat_seconds(of) <= lease <= schedule.lease_seconds(of)
