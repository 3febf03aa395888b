"""What a device does next, told as a day in its life."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sparewatt.engine.device_plan import (
    ENCODING_ATTEMPTS_MOST,
    UNSTARTED_SECONDS_MOST,
    ApplyBase,
    ApplyVersion,
    AskForWork,
    Claim,
    DeviceState,
    EncodeKept,
    FetchData,
    GiveBack,
    SaveCheckpoint,
    Saved,
    StartWorker,
    StopWorker,
    Train,
    Work,
    plan,
)
from sparewatt.work.assignment import Assignment, Range
from sparewatt.work.version import BlobRef, VersionId

BLOB = BlobRef("ab" * 32, 4096)


def version(number: int, branch: int = 0) -> VersionId:
    return VersionId(branch, number, f"{number:064x}")


def assignment(number: int = 1, base: int = 0, branch: int = 0) -> Assignment:
    return Assignment(
        assignment_id=f"{number:032x}",
        run="aa" * 32,
        contributor="bb" * 32,
        device="cc" * 16,
        kind="train",
        base=version(base, branch),
        ranges=(Range(0, 0, BLOB, 0, 1000),),
        token_budget=1000,
        inner_steps=10,
        seed=1,
        rate_first_nano=1,
        rate_last_nano=1,
        fence=1,
        ttl_s=60,
    )


def work(number: int = 1, **changes: Any) -> Work:
    return replace(Work(assignment(number), received_at=0.0, data="here"), **changes)


READY = DeviceState(may_compute=True, connected=True, worker="ready", applied=version(3), ready_version=version(3))


def test_a_free_device_starts_its_worker_while_it_asks_for_work() -> None:
    state, effects = plan(DeviceState(may_compute=True, connected=True), now=0.0)
    assert effects == (AskForWork(), StartWorker())
    assert plan(state, now=0.1)[1] == ()


def test_no_session_and_no_work_means_no_worker() -> None:
    assert plan(DeviceState(may_compute=True), now=0.0)[1] == ()


def test_a_failed_worker_is_not_started_before_its_time() -> None:
    state = DeviceState(may_compute=True, connected=True, asked=True, start_at=5.0)
    assert plan(state, now=4.9)[1] == ()
    assert plan(state, now=5.0)[1] == (StartWorker(),)


def test_work_is_fetched_once() -> None:
    state, effects = plan(replace(READY, current=work(data="missing")), now=0.0)
    assert effects == (FetchData(assignment()),)
    assert plan(state, now=0.1)[1] == ()


def test_the_newest_version_is_applied_before_training_starts() -> None:
    state, effects = plan(replace(READY, current=work(), ready_version=version(4)), now=0.0)
    assert effects == (ApplyVersion(version(4)),)
    trained = replace(state, worker="ready", applied=version(4))
    assert plan(trained, now=1.0)[1] == (Train(assignment()),)


def test_training_does_not_start_below_the_assigned_base() -> None:
    state = replace(READY, current=Work(assignment(base=5), received_at=0.0, data="here"))
    assert plan(state, now=0.0)[1] == ()


def test_work_of_another_branch_is_given_back() -> None:
    state = replace(READY, applied=version(3, branch=1), ready_version=version(3, branch=1), current=work(), asked=True)
    state, effects = plan(state, now=0.0)
    assert effects == (GiveBack(assignment()),)
    assert state.current is None


def test_the_next_work_is_asked_for_at_four_fifths() -> None:
    training = replace(READY, worker="training", current=work(tokens=799))
    assert plan(training, now=0.0)[1] == ()
    assert plan(replace(training, current=work(tokens=800)), now=0.0)[1] == (AskForWork(),)
    assert plan(replace(training, current=work(tokens=800), next=work(2)), now=0.0)[1] == ()


def test_the_next_work_starts_at_once_when_the_current_one_ends() -> None:
    state, effects = plan(replace(READY, next=work(2)), now=0.0)
    assert effects == (Train(assignment(2)),)
    assert state.current is not None
    assert state.current.attempts == 1
    assert state.next is None


def test_a_device_waits_for_the_version_with_its_own_update_but_not_for_ever() -> None:
    state = replace(READY, current=work(), wait_version=version(3), wait_until=2.0)
    assert plan(state, now=1.9)[1] == ()
    assert plan(state, now=2.0)[1] == (Train(assignment()),)
    newer = replace(state, applied=version(4), ready_version=version(4))
    assert plan(newer, now=0.5)[1] == (Train(assignment()),)


def test_leaving_stops_the_worker_and_gives_back_only_what_was_not_begun() -> None:
    state = replace(
        READY, worker="training", current=work(tokens=500), next=work(2), must_leave=True, may_compute=False
    )
    state, effects = plan(state, now=0.0)
    assert effects == (StopWorker(urgent=False), GiveBack(assignment(2)))
    assert state.current is not None
    state, effects = plan(replace(state, worker="none"), now=0.1)
    assert effects == (GiveBack(assignment()),)
    assert plan(state, now=0.2)[1] == ()


def test_work_that_cannot_be_started_for_long_goes_to_others() -> None:
    state = replace(READY, may_compute=False, current=work())
    assert plan(state, now=UNSTARTED_SECONDS_MOST - 1)[1] == ()
    assert plan(state, now=UNSTARTED_SECONDS_MOST)[1] == (GiveBack(assignment()),)


def kept(**changes: Any) -> DeviceState:
    """After an urgent stop in the middle of an assignment."""
    held = work(attempts=1, inner_steps=5, tokens=500, kept_inner_steps=5, kept_until=60.0)
    return replace(READY, worker="none", may_compute=False, must_leave=True, current=held, **changes)


def test_what_an_urgent_stop_left_is_encoded_while_the_device_stays_free() -> None:
    state, effects = plan(kept(may_encode=True), now=1.0)
    assert effects == (EncodeKept(assignment()),)
    assert plan(state, now=1.1)[1] == ()


def test_where_even_encoding_would_disturb_the_area_waits_as_long_as_the_lease() -> None:
    state, effects = plan(kept(), now=59.9)
    assert effects == ()
    assert plan(replace(state, may_encode=True), now=59.9)[1] == (EncodeKept(assignment()),)
    state, effects = plan(state, now=60.0)
    assert effects == (GiveBack(assignment()),)
    assert state.current is None


def test_what_would_go_beyond_the_days_disk_writes_goes_to_others() -> None:
    assert plan(kept(may_encode=True, may_write=False), now=1.0)[1] == (GiveBack(assignment()),)


def test_nothing_is_trained_over_what_is_still_to_be_encoded() -> None:
    state = replace(kept(may_encode=True), may_compute=True, must_leave=False, next=work(2), asked=True)
    state, effects = plan(state, now=1.0)
    assert effects == (EncodeKept(assignment()),)
    state, effects = plan(replace(state, worker="none", current=None), now=2.0)
    assert effects == (StartWorker(),)


def test_an_encoder_that_may_not_go_on_is_stopped_and_what_is_kept_stays() -> None:
    state, effects = plan(replace(kept(), worker="encoding"), now=1.0)
    assert effects == (StopWorker(urgent=True),)
    assert state.current is not None
    assert state.current.kept_inner_steps == 5


def test_an_encoder_that_fails_again_and_again_is_given_up() -> None:
    state = kept(may_encode=True)
    for _ in range(ENCODING_ATTEMPTS_MOST):
        state, effects = plan(replace(state, worker="none"), now=1.0)
        assert effects == (EncodeKept(assignment()),)
    assert plan(replace(state, worker="none"), now=1.0)[1] == (GiveBack(assignment()),)


def test_a_relaxed_stop_that_becomes_urgent_is_said_once_more_and_only_once() -> None:
    leaving = replace(READY, worker="training", current=work(tokens=500), must_leave=True, may_compute=False)
    state, effects = plan(leaving, now=0.0)
    assert effects == (StopWorker(urgent=False),)
    state, effects = plan(replace(state, urgent=True), now=0.1)
    assert effects == (StopWorker(urgent=True),)
    assert plan(state, now=0.2)[1] == ()


def test_a_worker_that_outlived_its_permit_is_killed() -> None:
    for worker in ("ready", "applying", "training", "encoding"):
        state, effects = plan(replace(READY, worker=worker, permit_lapsed=True, asked=True), now=0.0)
        assert effects[0] == StopWorker(urgent=True)
        assert state.worker == "stopping"
    starting = replace(READY, worker="starting", permit_lapsed=True, asked=True)
    assert plan(starting, now=0.0)[1] == (), "one that still loads its libraries computes nothing"


SAVED = Saved(version(3), 5, 500)


def saved(**changes: Any) -> DeviceState:
    """After a relaxed stop that left a checkpoint: the memory has the same, and the device may not compute yet."""
    held = work(
        attempts=1, inner_steps=5, tokens=500, kept_inner_steps=5, kept_until=60.0, saved=SAVED, resume_until=30.0
    )
    state = replace(READY, worker="none", may_compute=False, may_encode=True, must_leave=True, current=held)
    return replace(state, **changes)


def test_only_a_relaxed_stop_of_training_leaves_a_checkpoint() -> None:
    begun = replace(READY, worker="training", current=work(tokens=500), must_leave=True, may_compute=False)
    for changes, resumable in (
        ({"may_save": True}, True),
        ({"may_save": False}, False),
        ({"may_save": True, "urgent": True}, False),
        ({"may_save": True, "worker": "applying"}, False),
        ({"may_save": True, "current": work()}, False),
    ):
        state = replace(begun, **changes)
        assert plan(state, now=0.0)[1] == (StopWorker(urgent=state.urgent, resumable=resumable),)


def test_work_with_a_checkpoint_waits_and_goes_on_where_it_stopped() -> None:
    assert plan(saved(), now=29.9) == (saved(), ())
    state, effects = plan(replace(saved(), must_leave=False, may_compute=True, asked=True), now=20.0)
    assert effects == (StartWorker(),)
    assert state.current is not None
    assert state.current.kept_inner_steps == 0, "the new worker takes the area"
    state, effects = plan(replace(state, worker="ready"), now=40.0)
    assert effects == (Train(assignment(), resume=True),), "once it has begun to go on, no time is too late"
    assert state.current is not None
    assert (state.current.inner_steps, state.current.tokens) == (5, 500)


def test_it_goes_on_from_the_very_version_it_was_begun_from_though_there_are_newer_ones() -> None:
    back = replace(saved(), worker="ready", must_leave=False, may_compute=True, asked=True, ready_version=version(4))
    assert plan(back, now=1.0)[1] == (Train(assignment(), resume=True),)
    state, effects = plan(replace(back, applied=None), now=1.0)
    assert effects == (ApplyBase(version(3)),)
    assert plan(state, now=1.1)[1] == ()


def test_what_waits_too_long_or_is_left_behind_becomes_a_smaller_update() -> None:
    for state, now in (
        (saved(), 30.0),
        (saved(ready_version=version(4), staleness_most=1), 1.0),
        (saved(ready_version=version(3, branch=1)), 1.0),
    ):
        after, effects = plan(state, now)
        assert effects == (EncodeKept(assignment()),)
        assert after.current is not None
        assert after.current.saved is None
    assert plan(saved(ready_version=version(4), staleness_most=2), now=1.0)[1] == ()


def test_work_of_an_earlier_engine_is_claimed_before_it_goes_on() -> None:
    left = work(saved=SAVED, resume_until=30.0, lease="unknown")
    state = replace(READY, current=left, asked=True, connected=False, worker="none", applied=None)
    assert plan(state, now=1.0)[1] == (), "no worker is started for what others may have"
    state, effects = plan(replace(state, connected=True, worker="ready"), now=1.0)
    assert effects == (Claim(assignment()),)
    assert plan(state, now=1.1)[1] == ()
    assert state.current is not None
    held = replace(state, current=replace(state.current, lease="held"))
    assert plan(held, now=1.2)[1] == (ApplyBase(version(3)),)
    waiting = replace(held, must_leave=True, may_compute=False, worker="none")
    assert plan(waiting, now=29.9)[1] == (), "it waits as long as other work that has a checkpoint"
    assert plan(waiting, now=30.0)[1] == (GiveBack(assignment()),), "then others can have it: its memory is gone"


def test_what_only_a_checkpoint_has_becomes_a_smaller_update_too() -> None:
    left = work(saved=SAVED, resume_until=30.0, kept_until=60.0)
    state = replace(READY, current=left, asked=True, worker="none", applied=None, may_compute=False, must_leave=True)
    assert plan(state, now=29.9)[1] == ()
    waiting, effects = plan(state, now=30.0)
    assert effects == (), "it waits for leave"
    assert plan(waiting, now=60.0)[1] == (GiveBack(assignment()),)
    state, effects = plan(replace(waiting, may_encode=True), now=31.0)
    assert effects == (EncodeKept(assignment()),)
    assert plan(replace(state, may_compute=True, must_leave=False), now=31.1)[1] == ()


def test_a_checkpoint_that_is_due_is_asked_for_once_and_the_training_goes_on() -> None:
    state, effects = plan(replace(READY, worker="training", current=work(tokens=500), save_due=True), now=0.0)
    assert effects == (SaveCheckpoint(assignment()),)
    assert plan(state, now=0.1)[1] == ()
    assert state.worker == "training"


@given(
    may_compute=st.booleans(),
    must_leave=st.booleans(),
    connected=st.booleans(),
    worker=st.sampled_from(["none", "starting", "ready", "applying", "training", "stopping", "encoding"]),
    applied=st.none() | st.integers(0, 3).map(version),
    ready_version=st.none() | st.integers(0, 3).map(version),
    has_current=st.booleans(),
    has_next=st.booleans(),
    has_checkpoint=st.booleans(),
    lease=st.sampled_from(["held", "unknown", "asking"]),
    may_save=st.booleans(),
    now=st.floats(0, 1000),
)
def test_nothing_is_begun_twice_and_nothing_computes_without_leave(
    may_compute: bool,
    must_leave: bool,
    connected: bool,
    worker: object,
    applied: VersionId | None,
    ready_version: VersionId | None,
    has_current: bool,
    has_next: bool,
    has_checkpoint: bool,
    lease: object,
    may_save: bool,
    now: float,
) -> None:
    state = DeviceState(
        may_compute=may_compute and not must_leave,
        must_leave=must_leave,
        connected=connected,
        worker=worker,  # type: ignore[arg-type]
        applied=applied,
        ready_version=ready_version,
        current=work(1, saved=SAVED if has_checkpoint else None, resume_until=500.0, lease=lease)
        if has_current
        else None,
        may_save=may_save,
        save_due=may_save,
        next=work(2) if has_next else None,
    )
    after, effects = plan(state, now)
    _, again = plan(after, now)
    assert not set(effects) & set(again)
    if not state.may_compute:
        assert not any(
            isinstance(effect, StartWorker | Train | ApplyVersion | ApplyBase | AskForWork) for effect in effects
        )
    if must_leave:
        assert after.next is None
    if lease != "held":
        assert not any(isinstance(effect, Train) and effect.assignment == assignment(1) for effect in effects)
