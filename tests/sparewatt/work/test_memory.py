"""What fits into which memory."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.work.adapter import AdapterSpec
from sparewatt.work.memory import Fit, TrainingPass, fit, least_bytes, memory_need, taken_bytes
from sparewatt.work.model import ModelSpec, parameter_count

SPEC = ModelSpec("llama", 32_000, 768, 2_048, 12, 12, 12, 1_024)
LENGTH, BATCH = 512, 16
MEBIBYTE = 2**20


def need(**changes: object) -> int:
    training = TrainingPass(**{"sequence_length": LENGTH, "micro_batch_sequences": 4, **changes})  # type: ignore[arg-type]
    return memory_need(SPEC, training, card=True).device_bytes


def found(free_bytes: int, *, card: bool = True) -> Fit | None:
    return fit(SPEC, LENGTH, BATCH, "bf16", free_bytes, card=card)


def test_weights_gradients_and_moments_take_sixteen_bytes_a_parameter() -> None:
    fixed = need(micro_batch_sequences=1) - (need(micro_batch_sequences=2) - need(micro_batch_sequences=1))
    assert 16 < (fixed - 600 * MEBIBYTE) / parameter_count(SPEC) < 18


def test_adapters_have_gradients_and_moments_of_their_own_only() -> None:
    adapted = msgspec.structs.replace(SPEC, adapter=AdapterSpec(8, 16, ("self_attn.q_proj",)))
    training = TrainingPass(LENGTH, 4)
    saved = need() - memory_need(adapted, training, card=True).device_bytes
    assert 12 < saved / parameter_count(SPEC) < 14


def test_half_the_precision_and_checkpointing_both_save() -> None:
    assert need(compute="bf16", micro_batch_sequences=16) < need(micro_batch_sequences=16)
    assert need(checkpointing=True) < need()


def test_a_device_that_shares_the_computers_memory_needs_the_areas_there_too() -> None:
    training = TrainingPass(LENGTH, 1)
    shared = memory_need(SPEC, training, card=False)
    assert taken_bytes(shared, card=False) == shared.device_bytes + shared.host_bytes
    assert shared.host_bytes > 8 * parameter_count(SPEC)
    kept = memory_need(SPEC, training, card=False, error_feedback=True)
    assert kept.host_bytes - shared.host_bytes == 2 * parameter_count(SPEC)


@given(st.integers(0, 40 * 2**30), st.booleans())
def test_what_is_chosen_fits_and_the_next_larger_choice_would_not(free_bytes: int, card: bool) -> None:
    chosen = found(free_bytes, card=card)
    least = least_bytes(SPEC, LENGTH, "bf16", card=card)
    assert (chosen is None) == (free_bytes < least)
    if chosen is None:
        return
    assert taken_bytes(chosen.need, card=card) <= free_bytes
    if chosen.micro_batch_sequences < BATCH:
        larger = TrainingPass(LENGTH, 2 * chosen.micro_batch_sequences, "bf16", chosen.checkpointing)
        assert taken_bytes(memory_need(SPEC, larger, card=card), card=card) > free_bytes
    if chosen.checkpointing:
        without = TrainingPass(LENGTH, 1, "bf16")
        assert taken_bytes(memory_need(SPEC, without, card=card), card=card) > free_bytes


def test_with_all_the_memory_in_the_world_the_whole_batch_is_taken_at_once() -> None:
    chosen = found(2**40)
    assert chosen is not None
    assert (chosen.checkpointing, chosen.micro_batch_sequences) == (False, BATCH)
