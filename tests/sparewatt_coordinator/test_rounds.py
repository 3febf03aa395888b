"""When a round closes, is merged, is published."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.work.manifest import RoundSpec
from sparewatt_coordinator.rounds import (
    EFFECT_MILLISECONDS,
    FAILURES_MOST,
    MERGE_LEASE_MILLISECONDS,
    Effect,
    Ending,
    Event,
    FixPlan,
    Gathering,
    Joined,
    LeaseMerge,
    MergeFailed,
    MergeLeased,
    MergePublished,
    NoteFailure,
    PlanFixed,
    Rounds,
    TimePassed,
    staleness,
    tick,
)

SPEC = RoundSpec(
    tokens_target=100,
    grace_milliseconds=500,
    seconds_most=8,
    next_version_wait_milliseconds=0,
    tokens_total=10_000,
    seconds_total=0,
)
START = Rounds(SPEC, Gathering(number=1))


def run(state: Rounds, *events: tuple[int, Event]) -> tuple[Rounds, list[Effect], str]:
    effects: list[Effect] = []
    reason = ""
    for now, event in events:
        state, more, explanation = tick(state, event, now, seed=7)
        effects.extend(more)
        reason = explanation.reason
    return state, effects, reason


def test_an_empty_round_stays_open_for_ever() -> None:
    state, effects, reason = run(START, (10**9, TimePassed(live_leases=0)))
    assert (state.gathering.phase, effects, reason) == ("open", [], "round.open")


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([(0, Joined(100)), (500, TimePassed(1))], "round.target_reached"),
        ([(0, Joined(1)), (8_000, TimePassed(1))], "round.time_over"),
        ([(0, Joined(1)), (1, TimePassed(0))], "round.nobody_left"),
        ([(0, Joined(1)), (1, Ending())], "round.run_ends"),
    ],
)
def test_a_round_closes_for_each_reason_and_asks_for_its_plan(events: list[tuple[int, Event]], reason: str) -> None:
    before, none, _ = run(START, *events[:-1])
    assert (before.gathering.phase, none) == ("open", [])
    _, effects, said = run(START, *events)
    assert (effects, said) == ([FixPlan(1)], reason)


def test_updates_within_the_grace_still_join() -> None:
    state, effects, _ = run(START, (0, Joined(100)), (499, Joined(60)))
    assert (state.gathering.updates, state.gathering.tokens, effects) == (2, 160, [])


def test_the_next_round_gathers_while_the_last_one_is_merged_and_waits_for_it_to_close() -> None:
    state, _, _ = run(START, (0, Joined(100)), (500, TimePassed(1)), (501, PlanFixed(1)), (502, MergeLeased(1)))
    state, effects, _ = run(state, (600, Joined(100)), (2_000, TimePassed(1)))
    assert (state.gathering.number, state.gathering.phase, effects) == (2, "closing", [])
    _, effects, _ = run(state, (3_000, MergePublished(1)))
    assert effects == [FixPlan(2)]


def test_an_effect_that_brought_no_event_is_asked_for_again() -> None:
    state, first, _ = run(START, (0, Joined(1)), (1, TimePassed(0)))
    state, none, _ = run(state, (2, TimePassed(0)))
    _, again, _ = run(state, (1 + EFFECT_MILLISECONDS, TimePassed(0)))
    assert (first, none, again) == ([FixPlan(1)], [], [FixPlan(1)])


def merging() -> Rounds:
    state, effects, _ = run(START, (0, Joined(1)), (1, TimePassed(0)), (2, PlanFixed(1)))
    assert effects == [FixPlan(1), LeaseMerge(1)]
    return run(state, (3, MergeLeased(1)))[0]


def test_three_failures_stall_the_run_and_each_is_noted() -> None:
    state, now = merging(), 10
    noted: list[object] = []
    for fence in range(1, FAILURES_MOST + 1):
        state, effects, _ = tick(state, MergeFailed(fence), now, seed=fence)
        noted += effects
        now += 60_000
        state, effects, _ = tick(state, TimePassed(1), now, seed=0)
        if fence < FAILURES_MOST:
            assert effects == (LeaseMerge(1),)
            state = tick(state, MergeLeased(fence + 1), now, seed=0)[0]
    assert noted == [NoteFailure(1, 1, False), NoteFailure(1, 2, False), NoteFailure(1, 3, True)]
    assert state.merge is not None
    assert state.merge.phase == "stalled"
    assert tick(state, TimePassed(1), now * 10, seed=0)[1] == ()


def test_a_merge_whose_lease_ran_out_has_failed() -> None:
    _, effects, _ = run(merging(), (3 + MERGE_LEASE_MILLISECONDS, TimePassed(1)))
    assert effects == [NoteFailure(1, 1, False)]


def test_an_old_fence_neither_publishes_nor_fails() -> None:
    state = run(merging(), (10, MergeFailed(1)), (60_000, TimePassed(1)), (60_001, MergeLeased(2)))[0]
    for stale in (MergePublished(1), MergeFailed(1)):
        after, effects, _ = tick(state, stale, 60_002, seed=0)
        assert (after, effects) == (state, ())


EVENTS = st.one_of(
    st.builds(Joined, st.integers(1, 80)),
    st.builds(TimePassed, st.integers(0, 2)),
    st.builds(PlanFixed, st.integers(1, 5)),
    st.builds(MergeLeased, st.integers(1, 5)),
    st.builds(MergePublished, st.integers(1, 5)),
    st.builds(MergeFailed, st.integers(1, 5)),
    st.builds(Ending),
)


@given(st.lists(st.tuples(st.integers(0, 20_000), EVENTS), max_size=40))
def test_whatever_happens_rounds_only_go_forward_and_at_most_one_is_merged(
    steps: list[tuple[int, Event]],
) -> None:
    state, now = START, 0
    for wait, event in steps:
        now += wait
        after, effects, _ = tick(state, event, now, seed=wait)
        assert after.gathering.number - state.gathering.number in (0, 1)
        assert after.merge is None or after.merge.round < after.gathering.number
        if any(isinstance(effect, FixPlan) for effect in effects):
            assert after.merge is None
            assert after.gathering.updates > 0
        assert tick(state, event, now, seed=wait) == (after, effects, tick(state, event, now, seed=wait)[2])
        state = after


def test_staleness_counts_from_the_version_the_round_is_merged_onto() -> None:
    assert [staleness(5, base) for base in (4, 3, 0)] == [0, 1, 4]
