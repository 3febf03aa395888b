import msgspec
import pytest

from sparewatt.errors import IntegrityError
from sparewatt.work.adapter import LAYERS, AdapterSpec
from sparewatt.work.model import (
    ModelSpec,
    TensorSpec,
    base_of,
    flop_per_token,
    frozen_count,
    frozen_tensors,
    parameter_count,
    tensors,
)

LLAMA = ModelSpec("llama", 64, 32, 48, 2, 4, 2, 32)


def adapted(spec: ModelSpec, *targets: str, rank: int = 4) -> ModelSpec:
    return msgspec.structs.replace(spec, adapter=AdapterSpec(rank, 8, tuple(sorted(targets))))


def test_an_adapter_is_two_matrices_for_each_of_its_layers_and_all_else_is_frozen() -> None:
    spec = adapted(LLAMA, "self_attn.k_proj")
    prefix = "base_model.model.model.layers.{}.self_attn.k_proj.lora_{}.weight"
    assert tensors(spec) == (
        TensorSpec(prefix.format(0, "A"), (4, 32), "adapter"),
        TensorSpec(prefix.format(0, "B"), (16, 4), "zeros"),
        TensorSpec(prefix.format(1, "A"), (4, 32), "adapter"),
        TensorSpec(prefix.format(1, "B"), (16, 4), "zeros"),
    )
    assert frozen_tensors(spec) == tensors(LLAMA)
    assert base_of(spec) == LLAMA
    assert (parameter_count(spec), frozen_count(spec)) == (2 * 4 * (32 + 16), parameter_count(LLAMA))


def test_without_an_adapter_nothing_is_frozen() -> None:
    assert frozen_tensors(LLAMA) == ()
    assert frozen_count(LLAMA) == 0


def test_a_frozen_number_costs_two_thirds_of_a_trained_one() -> None:
    spec = adapted(LLAMA, "mlp.up_proj")
    numbers = 6 * parameter_count(spec) + 4 * parameter_count(LLAMA)
    assert flop_per_token(spec, 16) - numbers == flop_per_token(LLAMA, 16) - 6 * parameter_count(LLAMA)


def test_gpt2_keeps_its_matrices_transposed() -> None:
    spec = adapted(ModelSpec("gpt2", 64, 32, 64, 1, 4, 4, 32), "attn.c_attn")
    assert [tensor.shape for tensor in tensors(spec)] == [(4, 32), (96, 4)]


def test_a_layer_of_another_architecture_is_refused() -> None:
    with pytest.raises(IntegrityError, match=r"model\.adapter"):
        tensors(adapted(LLAMA, "attn.c_attn"))
    with pytest.raises(IntegrityError, match=r"model\.adapter"):
        tensors(adapted(LLAMA, "lm_head"))


@pytest.mark.parametrize(
    "fields",
    [
        {"rank": 0}, {"rank": 257}, {"alpha": 0}, {"alpha": 1_025}, {"targets": []}, {"targets": ["b", "a"]},
        {"targets": ["a", "a"]}, {"targets": ["a"] * 9}, {"targets": ["a\n"]}, {"targets": ["A"]}, {"dropout": 1},
    ],
)  # fmt: skip
def test_an_adapter_is_bounded(fields: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"rank": 4, "alpha": 8, "targets": ["a", "b"], **fields}, AdapterSpec)


def test_every_layer_that_can_be_named_exists() -> None:
    for architecture, layers in LAYERS.items():
        heads = ModelSpec(architecture, 64, 32, 64, 1, 4, 4, 32)
        assert len(tensors(adapted(heads, *layers))) == 2 * len(layers)
