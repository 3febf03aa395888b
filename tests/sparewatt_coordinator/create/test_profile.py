import msgspec
import pytest

from sparewatt.work.adapter import AdapterSpec
from sparewatt.work.bounds import MAXIMUM_PARAMETERS
from sparewatt.work.model import parameter_count
from sparewatt_coordinator.create.costs import costs_of
from sparewatt_coordinator.create.profile import (
    LONG,
    OUTER_STEPS_LEAST,
    ROUND_ASSIGNMENTS_LEAST,
    SHORT,
    SIZES,
    Profile,
    SizeName,
    checkpoint_profile,
    run_profile,
    try_profile,
)


def test_every_update_of_a_trial_alone_is_a_round_however_slow_its_device_is() -> None:
    profile = try_profile(contributors=1, seconds=180)
    assert profile.assignment_tokens == 61_440
    assert profile.rounds.tokens_target == profile.assignment_tokens // 4
    assert profile.rounds.next_version_wait_milliseconds == 2_000
    assert profile.rounds.seconds_total == 180
    assert 1_000_000 <= parameter_count(profile.model) <= 3_000_000


def test_contributors_of_one_computer_share_a_round_and_wait_for_its_version() -> None:
    assert try_profile(2, 60).rounds.tokens_target == 2 * 61_440 // 4
    assert try_profile(16, 60).rounds.tokens_target == 16 * 61_440 // 4
    assert try_profile(2, 60).rounds.next_version_wait_milliseconds == 2_000
    assert try_profile(2, 60).rounds.grace_milliseconds > 0


def test_a_trial_ends_by_time_unless_tokens_are_asked_for() -> None:
    assert try_profile(1, 0.5).rounds.seconds_total == 1
    assert try_profile(1, 60, tokens=1_000).rounds.tokens_total == 1_000
    # No computer trains a model of this size at 2 M tokens a second.
    assert try_profile(1, 60).rounds.tokens_total == 120_000_000


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("contributors", [1, 20])
def test_every_size_is_a_run_within_all_bounds(size: SizeName, contributors: int) -> None:
    profile = run_profile(size, contributors)
    for part in (profile.model, profile.optimiser, profile.inner, profile.rounds, profile.outer, costs_of(profile)):
        assert msgspec.convert(msgspec.to_builtins(part), type(part)) == part
    assert parameter_count(profile.model) <= MAXIMUM_PARAMETERS
    assert profile.sequence_length <= profile.model.context_length
    rounds = profile.rounds
    if contributors == 1:
        assert rounds.tokens_target == profile.assignment_tokens // 4
    else:
        few = ROUND_ASSIGNMENTS_LEAST * profile.assignment_tokens
        assert rounds.tokens_target <= few or rounds.tokens_total // rounds.tokens_target >= OUTER_STEPS_LEAST


@pytest.mark.parametrize("contributors", [2, 4, ROUND_ASSIGNMENTS_LEAST])
def test_a_round_of_a_few_is_an_assignment_of_each_however_short_the_run(contributors: int) -> None:
    found = run_profile("try", contributors, tokens=1_000)
    assert found.rounds.tokens_target == contributors * found.assignment_tokens


def test_of_many_a_round_leaves_the_run_its_outer_steps() -> None:
    found = run_profile("try", 1_000, tokens=1_000_000_000)
    assert found.rounds.tokens_target == 1_000_000_000 // OUTER_STEPS_LEAST
    assert found.rounds.tokens_target < 1_000 * found.assignment_tokens


def test_one_contributor_averages_nothing() -> None:
    alone = run_profile("tiny", contributors=1)
    assert (alone.outer.rule, alone.outer.momentum_micro, alone.inner.state) == ("sgd", 0, "fresh")
    assert (alone.inner.inner_steps, alone.optimiser.beta1_micro) == (30, 900_000)


@pytest.mark.parametrize("size", ["try", "tiny"])
def test_several_on_a_small_model_train_as_it_was_measured(size: SizeName) -> None:
    alone, found = run_profile(size, contributors=1), run_profile(size, contributors=4)
    assert (found.inner.inner_steps, found.inner.state) == (5, "fresh-shared-v")
    assert (found.optimiser.beta1_micro, found.outer.rule) == (0, "nesterov")
    assert (found.outer.rate_micro, found.outer.momentum_micro) == (700_000, 800_000)
    assert found.optimiser.peak_rate_nano == alone.optimiser.peak_rate_nano * 2 // 3
    assert found.rounds.tokens_target == 4 * found.assignment_tokens


@pytest.mark.parametrize("size", SIZES)
def test_several_always_wait_for_the_version_with_their_own_update_and_rounds_for_nobody(size: SizeName) -> None:
    rounds = run_profile(size, contributors=4).rounds
    assert rounds.next_version_wait_milliseconds >= 10_000
    assert rounds.grace_milliseconds == 0


def test_larger_models_get_longer_assignments() -> None:
    assert run_profile("small", 4).inner.inner_steps == run_profile("large", 4).inner.inner_steps == LONG.inner_steps
    assert LONG.inner_steps > SHORT.inner_steps


def test_a_rate_that_the_organiser_names_is_not_changed() -> None:
    model = run_profile("tiny", 1).model
    assert checkpoint_profile(model, 4, peak_rate_nano=123_456).optimiser.peak_rate_nano == 123_456


def test_trained_weights_go_on_at_a_rate_for_their_size_and_several_at_two_thirds_of_it() -> None:
    tiny, large = run_profile("tiny", 1).model, run_profile("large", 1).model
    rates = [checkpoint_profile(model, many).optimiser.peak_rate_nano for model in (tiny, large) for many in (1, 4)]
    assert rates == [300_000, 200_000, 100_000, 66_666]


def test_an_adapter_has_the_same_rate_whatever_it_stands_on() -> None:
    for size in SIZES:
        adapted = msgspec.structs.replace(run_profile(size, 1).model, adapter=AdapterSpec(8, 16, ("self_attn.q_proj",)))
        rates = [checkpoint_profile(adapted, many).optimiser.peak_rate_nano for many in (1, 4)]
        assert rates == [300_000, 200_000]


def test_an_adapter_is_as_small_as_what_it_trains() -> None:
    model = msgspec.structs.replace(run_profile("large", 1).model, adapter=AdapterSpec(8, 16, ("self_attn.q_proj",)))
    assert checkpoint_profile(model, 4).inner.inner_steps == SHORT.inner_steps
    assert checkpoint_profile(run_profile("large", 1).model, 4).inner.inner_steps == LONG.inner_steps


def test_sizes_grow() -> None:
    counts = [parameter_count(run_profile(size, 1).model) for size in SIZES]
    assert counts == sorted(counts)
    assert counts[-1] > 300_000_000


def test_costs_cover_what_a_version_and_an_update_really_take() -> None:
    profile: Profile = try_profile(1, 60)
    costs, parameters = costs_of(profile), parameter_count(profile.model)
    assert costs.download_bytes_first > 4 * parameters + 2**20
    assert parameters < costs.upload_bytes_per_update < 2 * parameters
    assert costs.memory_bytes > 28 * parameters
