"""The experiments' own machinery, on a text and for a few rounds: what it simulates must be what it says."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

from benchmarks.training.arm import Arm, topk, with_patch
from benchmarks.training.experiments import EXPERIMENTS
from benchmarks.training.lab import IdleLab, Lab
from benchmarks.training.simulation import STEP_TOKENS, Outcome, Simulation, rate_at, steps_of, train_alone
from sparewatt.work.manifest import PatchSpec

ROUNDS, STEPS = 3, 4
TOKENS = ROUNDS * STEPS * STEP_TOKENS * 4
ARM = Arm(name="short", inner_steps=STEPS)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("text") / "text.txt"
    found.write_text(
        "".join(f"{n}: the quick brown fox jumps over the lazy dog, {n * n} times.\n" for n in range(9_000))
    )
    return found


@pytest.fixture(scope="module")
def lab(text: Path) -> Iterator[Lab]:
    found = Lab(text, 1)
    yield found
    found.close()


@pytest.fixture(scope="module")
def idle(text: Path) -> Iterator[IdleLab]:
    found = IdleLab(text, 1)
    yield found
    found.close()


def run(lab: Lab, seed: int = 1, **changes: object) -> Outcome:
    return Simulation(msgspec.structs.replace(ARM, **changes), lab, TOKENS, seed).run()


def test_equal_contributors_who_wait_are_merged_round_by_round(lab: Lab) -> None:
    found = run(lab)
    assert (found.versions, found.updates, found.tokens) == (ROUNDS, 4 * ROUNDS, TOKENS)
    assert (found.staleness_mean, found.tokens_trained) == (0, TOKENS)
    assert found.loss < lab.loss(lab.start) - 0.3


def test_the_same_seed_gives_the_same_weights_and_another_one_does_not(lab: Lab) -> None:
    same = [msgspec.structs.replace(run(lab, stopped_micro=300_000), seconds=0.0) for _ in range(2)]
    assert same[0] == same[1]
    assert run(lab, seed=2, stopped_micro=300_000).loss != same[0].loss


def test_who_does_not_wait_trains_from_an_older_version(lab: Lab) -> None:
    assert run(lab, wait_micro=0).staleness_mean > 0


def test_what_is_stopped_or_killed_is_trained_by_somebody_else(lab: Lab) -> None:
    stopped = run(lab, stopped_micro=500_000)
    assert (stopped.tokens, stopped.tokens_trained) == (TOKENS, TOKENS)
    killed = run(lab, killed_micro=400_000)
    assert killed.tokens == TOKENS < killed.tokens_trained


def test_a_dense_beginning_ends_at_its_version(idle: IdleLab) -> None:
    dense = run(idle)
    sparse = run(idle, codec=topk(64))
    begun = run(idle, codec=topk(64), dense_versions=1)
    assert begun.versions == sparse.versions == ROUNDS
    assert begun.bytes_up - sparse.bytes_up == pytest.approx((dense.bytes_up - sparse.bytes_up) / ROUNDS, rel=0.01)


def test_a_killed_computer_loses_its_assignment_and_a_killed_worker_less_than_an_inner_step(idle: IdleLab) -> None:
    computers = run(idle, killed_a_round_micro=600_000)
    workers = run(idle, killed_a_round_micro=600_000, killed="worker")
    assert computers.tokens == workers.tokens == TOKENS
    assert TOKENS < workers.tokens_trained < computers.tokens_trained
    assert workers.updates > 4 * ROUNDS, "what a killed worker had finished is a smaller update"


def test_a_round_closes_at_its_target_and_no_earlier_than_its_grace_is_over(idle: IdleLab) -> None:
    half = 2 * STEPS
    assert run(idle, target_steps=half).versions == 2 * ROUNDS
    assert run(idle, target_steps=half, grace_micro=300_000).versions == ROUNDS, "the others' updates come in it"


def test_equal_contributors_get_the_same_by_the_pace_of_rounds_and_unequal_ones_do_not(idle: IdleLab) -> None:
    by_time, by_rounds = run(idle), run(idle, sized_by="rounds")
    assert (by_rounds.updates, by_rounds.versions) == (by_time.updates, by_time.versions)
    unequal = partial(run, idle, speeds_milli=(4_000, 1_000, 500, 250), target_steps=4 * STEPS)
    longer, found = unequal(), unequal(sized_by="rounds")
    assert min(longer.tokens, found.tokens) >= TOKENS
    assert found.updates > longer.updates, "the fast one does more assignments, and no longer ones"


def test_sparse_updates_and_patches_travel_as_bytes(lab: Lab) -> None:
    dense, sparse = run(lab), run(lab, codec=topk(64), outer=with_patch(ARM.outer, PatchSpec("topk", kept=512)))
    assert 45 < dense.bytes_up / sparse.bytes_up < 53
    assert 9 < dense.bytes_down / sparse.bytes_down < 10.5


def test_one_worker_with_the_large_batch_sends_every_gradient(lab: Lab) -> None:
    arm = msgspec.structs.replace(ARM, way="one worker, large batch")
    found = train_alone(arm, lab, TOKENS, 1)
    assert (found.tokens, found.versions) == (TOKENS, ROUNDS * STEPS)
    assert found.bytes_up == found.bytes_down == 4 * 4 * 357_024 * ROUNDS * STEPS


def test_one_worker_with_the_small_batch_takes_as_many_more_inner_steps(lab: Lab) -> None:
    arm = msgspec.structs.replace(ARM, way="one worker, small batch")
    found = train_alone(arm, lab, TOKENS, 1)
    assert (found.tokens, found.versions, found.bytes_up) == (TOKENS, 4 * ROUNDS * STEPS, 0)


def test_an_assignment_may_start_below_the_learning_rate(lab: Lab) -> None:
    assert run(lab, ramp_micro=100_000).loss != run(lab).loss


@pytest.mark.parametrize(("speed", "steps"), [(1.0, 15), (0.5, 8), (0.1, 4), (2.0, 30), (16.0, 60)])
def test_assignments_are_as_long_as_speeds_allow_between_a_quarter_and_four_times(speed: float, steps: int) -> None:
    assert steps_of(Arm(name=""), speed) == steps


def test_the_rate_warms_up_and_falls_in_the_last_fifth() -> None:
    arm = Arm(name="", rate_micro=1_000)
    rates = [rate_at(arm, progress) for progress in (0.0, 0.02, 0.5, 0.8, 0.9, 1.0)]
    assert rates == pytest.approx([2e-5, 1e-3, 1e-3, 1e-3, 5.5e-4, 1e-4])


def test_the_rate_may_fall_from_the_start() -> None:
    arm = Arm(name="", rate_micro=1_000, decay_micro=1_000_000)
    assert [rate_at(arm, progress) for progress in (0.5, 1.0)] == pytest.approx([5.5e-4, 1e-4])


def test_every_experiment_compares_with_one_of_its_arms() -> None:
    for experiment in EXPERIMENTS.values():
        names = [arm.name for arm in experiment.arms]
        assert set(experiment.references) <= set(names)
        assert len(set(names)) == len(names)
