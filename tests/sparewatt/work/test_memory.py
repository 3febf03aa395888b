"""What fits into which memory."""

from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.work.adapter import LAYERS, AdapterSpec
from sparewatt.work.architecture import Architecture
from sparewatt.work.memory import Compute, Fit, TrainingPass, fit, least_bytes, memory_need, taken_bytes
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
    fixed = 2 * need(micro_batch_sequences=16) - need(micro_batch_sequences=32)
    assert 16 < (fixed - 600 * MEBIBYTE) / parameter_count(SPEC) < 18


def test_a_tied_embedding_has_two_gradients_more_than_one_of_its_own_until_they_are_summed() -> None:
    vocabulary = 100_000
    training = TrainingPass(8, 1, checkpointing=True)
    separate = msgspec.structs.replace(SPEC, vocabulary_size=vocabulary, embeddings="separate")
    tied = msgspec.structs.replace(separate, embeddings="tied")
    embedding = 4 * vocabulary * SPEC.hidden_size
    for card, percent in ((True, 110), (False, 100)):
        less = (
            memory_need(separate, training, card=card).device_bytes
            - memory_need(tied, training, card=card).device_bytes
        )
        # An output layer of its own has weights, gradient and both moments; an array leaves 27 MiB of holes at most.
        assert less == pytest.approx((4 - 2) * embedding * percent / 100, abs=0 if card else 2 * 27 * MEBIBYTE)


def test_frozen_embeddings_have_no_gradients() -> None:
    adapted = msgspec.structs.replace(SPEC, adapter=AdapterSpec(8, 16, ("self_attn.q_proj",)))
    apart = msgspec.structs.replace(adapted, embeddings="separate")
    training = TrainingPass(LENGTH, 4)
    more = (
        memory_need(apart, training, card=False).device_bytes - memory_need(adapted, training, card=False).device_bytes
    )
    assert more == 4 * SPEC.vocabulary_size * SPEC.hidden_size


def test_moments_of_eight_bits_take_a_quarter_of_what_they_take_otherwise() -> None:
    training = TrainingPass(LENGTH, 4)
    saved = need() - memory_need(SPEC, training, card=True, eight_bit=True).device_bytes
    assert saved / 1.1 == pytest.approx(6 * parameter_count(SPEC), rel=0.01)


MORE = (
    "vocabulary_size",
    "hidden_size",
    "intermediate_size",
    "layers",
    "context_length",
    "micro_batch_sequences",
    "length",
)


@given(
    data=st.data(),
    architecture=st.sampled_from(("llama", "qwen2", "qwen3", "gpt2", "gpt_neox")),
    embeddings=st.sampled_from(("tied", "separate")),
    adapted=st.booleans(),
    compute=st.sampled_from(("fp32", "bf16")),
    checkpointing=st.booleans(),
    card=st.booleans(),
    more=st.sampled_from(MORE),
    factor=st.integers(1, 8),
)
def test_more_of_anything_never_takes_less(
    data: st.DataObject,
    architecture: Architecture,
    embeddings: Literal["tied", "separate"],
    adapted: bool,
    compute: Compute,
    checkpointing: bool,
    card: bool,
    more: str,
    factor: int,
) -> None:
    sizes = {
        "vocabulary_size": data.draw(st.integers(2, 60_000)),
        "hidden_size": 64 * data.draw(st.integers(1, 32)),
        "intermediate_size": data.draw(st.integers(8, 8_192)),
        "layers": data.draw(st.integers(1, 24)),
        "context_length": data.draw(st.integers(8, 4_096)),
        "micro_batch_sequences": data.draw(st.integers(1, 32)),
        "length": data.draw(st.integers(8, 2_048)),
    }
    step = 64 if more == "hidden_size" else 1
    target = LAYERS[architecture][0]
    adapter = AdapterSpec(4, 8, (target,)) if adapted else None

    def taken(sizes: dict[str, int]) -> int:
        spec = ModelSpec(
            architecture,
            sizes["vocabulary_size"],
            sizes["hidden_size"],
            sizes["intermediate_size"],
            sizes["layers"],
            4,
            4,
            sizes["context_length"],
            embeddings=embeddings,
            adapter=adapter,
        )
        training = TrainingPass(sizes["length"], sizes["micro_batch_sequences"], compute, checkpointing)
        return taken_bytes(memory_need(spec, training, card=card), card=card)

    assert taken(sizes) <= taken({**sizes, more: sizes[more] + step * factor})


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
