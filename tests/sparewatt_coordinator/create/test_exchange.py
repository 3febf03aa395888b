"""What a run's updates and versions are written with."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.errors import InputError
from sparewatt.work.model import parameter_count
from sparewatt_coordinator.create.costs import costs_of
from sparewatt_coordinator.create.exchange import (
    DENSE_PARAMETERS_BELOW,
    Exchange,
    Wishes,
    exchange_for,
    exchange_words,
    with_exchange,
)
from sparewatt_coordinator.create.profile import OUTER_STEPS_LEAST, checkpoint_profile, run_profile

SMALL, LARGE = DENSE_PARAMETERS_BELOW - 1, DENSE_PARAMETERS_BELOW
SHORT, LONG = OUTER_STEPS_LEAST - 1, OUTER_STEPS_LEAST


def names(found: Exchange) -> tuple[str, int, str, int]:
    return found.codec.name, found.codec.kept, found.patch.name, found.patch.kept


@pytest.mark.parametrize(("parameters", "steps"), [(SMALL, LONG), (LARGE, SHORT), (SMALL, SHORT)])
def test_small_models_and_short_runs_go_dense(parameters: int, steps: int) -> None:
    found = exchange_for(parameters, steps, Wishes())
    assert names(found) == ("int8", 0, "int4", 0)
    assert found.codec.error_feedback == "none"


def test_long_runs_of_large_models_go_sparse_with_error_feedback() -> None:
    found = exchange_for(LARGE, LONG, Wishes())
    assert names(found) == ("topk", 64, "topk", 512)
    assert (found.codec.error_feedback, found.codec.decay_micro) == ("decay", 950_000)


def test_whoever_asks_gets_what_they_ask_for() -> None:
    assert names(exchange_for(SMALL, SHORT, Wishes(kept_up=128))) == ("topk", 128, "int4", 0)
    assert names(exchange_for(LARGE, LONG, Wishes(codec="int4", patch="int8"))) == ("int4", 0, "int8", 0)
    assert names(exchange_for(LARGE, LONG, Wishes(codec="fp16", kept_down=1_024))) == ("fp16", 0, "topk", 1_024)


@pytest.mark.parametrize(
    "wishes",
    [Wishes(codec="int8", kept_up=64), Wishes(patch="int4", kept_down=1), Wishes(kept_up=0), Wishes(kept_down=2_049)],
)
def test_numbers_that_no_codec_can_have_are_refused(wishes: Wishes) -> None:
    with pytest.raises(InputError, match=r"run\.kept"):
        exchange_for(LARGE, LONG, wishes)


@given(st.integers(1, 10**10), st.integers(1, 10**5))
def test_silence_is_always_a_choice(parameters: int, steps: int) -> None:
    found = exchange_for(parameters, steps, Wishes())
    assert (found.codec.name == "topk") == (found.patch.name == "topk")


def test_a_profile_takes_the_choice_and_its_costs_follow() -> None:
    plain = run_profile("medium", contributors=8)
    assert parameter_count(plain.model) >= DENSE_PARAMETERS_BELOW
    sparse = with_exchange(plain, Wishes(inner_state="fresh-shared-v"))
    assert (sparse.codec.name, sparse.outer.patch.name) == ("topk", "topk")
    assert (sparse.outer.rule, sparse.outer.momentum_micro, sparse.optimiser.beta1_micro) == ("nesterov", 500_000, 0)
    assert sparse.optimiser.peak_rate_nano == plain.optimiser.peak_rate_nano
    assert costs_of(sparse).upload_bytes_per_update < costs_of(plain).upload_bytes_per_update / 10
    words = exchange_words(sparse.codec, sparse.outer.patch, sparse.inner.state, 300)
    assert "topk 64 of 4096" in words
    assert "topk 512 of 4096" in words
    assert "fresh-shared-v" in words


def test_sparse_updates_of_short_assignments_have_less_momentum_and_twice_the_rate() -> None:
    dense = with_exchange(run_profile("tiny", contributors=8), Wishes())
    sparse = with_exchange(run_profile("tiny", contributors=8), Wishes(codec="topk"))
    assert (dense.outer.momentum_micro, sparse.outer.momentum_micro) == (800_000, 500_000)
    assert sparse.optimiser.peak_rate_nano == 2 * dense.optimiser.peak_rate_nano
    assert sparse.optimiser.beta1_micro == dense.optimiser.beta1_micro == 0


def test_a_rate_that_was_asked_for_is_the_rate_of_sparse_updates_too() -> None:
    model = run_profile("tiny", contributors=8).model
    asked = with_exchange(checkpoint_profile(model, 8, peak_rate_nano=123_456), Wishes(codec="topk"))
    assert asked.optimiser.peak_rate_nano == 123_456


def test_moments_of_eight_bits_cost_less_memory_and_are_not_shared() -> None:
    plain = run_profile("medium", contributors=8)
    eight = with_exchange(plain, Wishes(optimiser="adamw-8bit", inner_state="kept"))
    usual = with_exchange(plain, Wishes())
    assert eight.optimiser == msgspec.structs.replace(usual.optimiser, name="adamw-8bit")
    saved = costs_of(usual).memory_bytes - costs_of(eight).memory_bytes
    assert 5.9 < saved / parameter_count(plain.model) < 6.0
    assert with_exchange(plain, Wishes(optimiser="adamw-8bit")).inner.state == "fresh"
    with pytest.raises(InputError, match=r"optimiser\.state"):
        with_exchange(plain, Wishes(optimiser="adamw-8bit", inner_state="fresh-shared-v"))


def test_a_dense_profile_keeps_its_outer_step() -> None:
    plain = run_profile("tiny", contributors=8)
    dense = with_exchange(plain, Wishes())
    assert (dense.codec, dense.outer.rule, dense.outer.patch.name) == (plain.codec, "nesterov", "int4")
    said = exchange_words(dense.codec, dense.outer.patch, "fresh", 300)
    assert said == "Updates go up as int8, versions come down as int4; about 300 outer steps are planned."
