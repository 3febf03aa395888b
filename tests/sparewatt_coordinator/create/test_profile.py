import msgspec
import pytest

from sparewatt.work.bounds import MAXIMUM_PARAMETERS
from sparewatt.work.model import parameter_count
from sparewatt_coordinator.create.costs import costs_of
from sparewatt_coordinator.create.profile import OUTER_STEPS_LEAST, SIZES, Profile, SizeName, run_profile, try_profile


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
    smallest = profile.assignment_tokens // (4 if contributors == 1 else 1)
    assert rounds.tokens_target == smallest or rounds.tokens_total // rounds.tokens_target >= OUTER_STEPS_LEAST


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
