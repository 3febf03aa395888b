import msgspec
import numpy as np

from sparewatt.numeric.initial import initial_weights
from sparewatt.work.adapter import AdapterSpec
from sparewatt.work.model import ModelSpec, tensors

SPEC = ModelSpec(
    architecture="llama",
    vocabulary_size=256,
    hidden_size=128,
    intermediate_size=256,
    layers=8,
    heads=4,
    key_value_heads=4,
    context_length=64,
)


def test_the_seed_alone_decides() -> None:
    assert initial_weights(SPEC, 1).tobytes() == initial_weights(SPEC, 1).tobytes()
    assert initial_weights(SPEC, 1).tobytes() != initial_weights(SPEC, 2).tobytes()


def test_norms_are_one_and_projections_into_the_residual_stream_are_narrow() -> None:
    flat, first = initial_weights(SPEC, 7), 0
    for tensor in tensors(SPEC):
        part = flat[first : first + tensor.count]
        first += tensor.count
        if "norm" in tensor.name:
            assert (part == 1).all()
        else:
            narrow = "o_proj" in tensor.name or "down_proj" in tensor.name
            expected = 0.02 / 4 if narrow else 0.02
            assert abs(part.std() / expected - 1) < 0.03, tensor.name
            assert abs(part.mean()) < expected / 10


def test_they_are_canonical() -> None:
    flat = initial_weights(SPEC, 3)
    assert np.isfinite(flat).all()
    assert not np.signbit(flat[flat == 0]).any()


def test_a_new_adapter_adds_nothing_and_can_learn() -> None:
    spec = msgspec.structs.replace(SPEC, adapter=AdapterSpec(8, 16, ("mlp.down_proj", "self_attn.q_proj")))
    flat, first = initial_weights(spec, 7), 0
    for tensor in tensors(spec):
        part = flat[first : first + tensor.count]
        first += tensor.count
        if ".lora_B." in tensor.name:
            assert not part.any()
        else:
            assert abs(part.std() * (3 * tensor.shape[1]) ** 0.5 - 1) < 0.1, tensor.name
