import pytest
import torch
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaForCausalLM

from sparewatt.errors import IntegrityError
from sparewatt.work.model import ModelSpec, flop_per_token, parameter_count, tensors

SMALL = ModelSpec(
    architecture="llama",
    vocabulary_size=64,
    hidden_size=32,
    intermediate_size=48,
    layers=2,
    heads=4,
    key_value_heads=4,
    context_length=16,
)
# Eleven layers: by name, layer 10 stands before layer 2.
DEEP = ModelSpec("llama", 100, 16, 24, 11, 2, 1, 32, embeddings="separate")
GROUPED = ModelSpec("llama", 256, 48, 64, 3, 6, 2, 64, rope_theta=500_000, norm_epsilon_nano=1_000)


def reference(spec: ModelSpec) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=spec.vocabulary_size,
        hidden_size=spec.hidden_size,
        intermediate_size=spec.intermediate_size,
        num_hidden_layers=spec.layers,
        num_attention_heads=spec.heads,
        num_key_value_heads=spec.key_value_heads,
        max_position_embeddings=spec.context_length,
        tie_word_embeddings=spec.embeddings == "tied",
    )
    with torch.device("meta"):
        return LlamaForCausalLM(config)


@pytest.mark.parametrize("spec", [SMALL, DEEP, GROUPED], ids=["tied", "separate, deep", "grouped"])
def test_tensors_are_those_of_the_transformers_class_each_once_and_by_name(spec: ModelSpec) -> None:
    # named_parameters lists a tied tensor once, under its first name.
    expected = sorted((name, tuple(value.shape)) for name, value in reference(spec).named_parameters())
    assert [(tensor.name, tensor.shape) for tensor in tensors(spec)] == expected


@pytest.mark.parametrize("spec", [SMALL, DEEP])
def test_parameters_are_counted_as_torch_counts_them(spec: ModelSpec) -> None:
    assert parameter_count(spec) == sum(value.numel() for value in reference(spec).parameters())


@pytest.mark.parametrize(
    "spec",
    [
        ModelSpec("llama", 64, 32, 48, 2, 3, 3, 16),
        # An odd head cannot be rotated.
        ModelSpec("llama", 64, 12, 48, 2, 4, 4, 16),
        ModelSpec("llama", 64, 32, 48, 2, 4, 3, 16),
    ],
    ids=["heads do not divide", "odd head", "groups do not divide"],
)
def test_integers_that_make_no_model_are_refused(spec: ModelSpec) -> None:
    with pytest.raises(IntegrityError, match=r"model\.heads"):
        tensors(spec)


def test_a_model_above_the_limit_is_refused_before_anything_is_allocated() -> None:
    with pytest.raises(IntegrityError, match=r"model\.size"):
        parameter_count(ModelSpec("llama", 262_144, 16_384, 65_536, 256, 128, 128, 8))


def test_flop_per_token_is_six_per_parameter_and_the_attention() -> None:
    assert flop_per_token(SMALL, 128) == 6 * parameter_count(SMALL) + 12 * 2 * 32 * 128
