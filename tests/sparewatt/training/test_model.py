"""Models from bounded integers."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from sparewatt.errors import IntegrityError
from sparewatt.numeric.keyframe import write_keyframe
from sparewatt.training.model import build, build_flat, held_out_loss, load_flat, next_token_loss, store_flat
from sparewatt.work.hub_config import hub_config
from sparewatt.work.model import ModelSpec, parameter_count, tensors

TIED = ModelSpec("llama", 64, 32, 64, 2, 4, 2, 32, "tied")
SEPARATE = ModelSpec("llama", 64, 32, 64, 2, 4, 2, 32, "separate")
OTHERS = (
    ModelSpec("qwen2", 64, 32, 64, 2, 4, 2, 32, "tied"),
    ModelSpec("qwen3", 64, 32, 64, 2, 4, 2, 32, "separate", head_size=16),
    ModelSpec("gpt2", 64, 32, 64, 2, 4, 4, 32, "tied"),
    ModelSpec("gpt_neox", 64, 32, 64, 2, 4, 4, 32, "separate", rotary_share_micro=250_000),
)
every = pytest.mark.parametrize(
    "spec", [TIED, SEPARATE, *OTHERS], ids=lambda spec: f"{spec.architecture}-{spec.embeddings}"
)


def some_weights(spec: ModelSpec) -> np.ndarray:
    return (np.random.default_rng(7).standard_normal(parameter_count(spec)) * 0.1).astype(np.float32)


@every
def test_the_class_has_exactly_the_tensors_that_the_spec_promises(spec: ModelSpec) -> None:
    found = {name: tuple(value.shape) for name, value in build(spec).named_parameters()}
    assert found == {tensor.name: tensor.shape for tensor in tensors(spec)}


@every
def test_weights_go_in_and_out_unchanged_in_the_order_of_names(spec: ModelSpec) -> None:
    weights = some_weights(spec)
    model = build_flat(spec, torch.device("cpu"))
    load_flat(model.module, spec, memoryview(weights.tobytes()))
    stored = bytearray(4 * len(weights))
    store_flat(model.module, spec, memoryview(stored))
    assert bytes(stored) == weights.tobytes()
    assert model.weights.numpy().tobytes() == weights.tobytes()


def test_parameters_are_views_on_the_flat_weights() -> None:
    model = build_flat(TIED, torch.device("cpu"))
    model.load(some_weights(TIED))
    first = tensors(TIED)[0]
    assert torch.equal(model.module.get_parameter(first.name).flatten(), model.weights[: first.count])
    model.weights.zero_()
    assert all(not value.any() for value in model.module.parameters())


def test_tied_embeddings_are_one_tensor() -> None:
    module = build(TIED)
    assert module.get_parameter("lm_head.weight") is module.get_parameter("model.embed_tokens.weight")


def test_weights_of_another_size_are_refused() -> None:
    with pytest.raises(IntegrityError, match=r"weights\.size"):
        load_flat(build(TIED), TIED, np.zeros(3, np.float32))


@every
def test_the_loss_is_the_one_of_transformers(spec: ModelSpec) -> None:
    module = build(spec).eval()
    load_flat(module, spec, some_weights(spec))
    sequences = torch.from_numpy(np.random.default_rng(1).integers(0, 64, (3, 16)))
    with torch.no_grad():
        assert float(next_token_loss(module, sequences)) == pytest.approx(
            float(module(input_ids=sequences, labels=sequences).loss), rel=1e-6
        )


def test_untrained_weights_of_zero_predict_nothing() -> None:
    """With zero weights every token is equally likely: the loss is ln(vocabulary)."""
    assert held_out_loss(build(TIED), np.arange(64, dtype=np.uint8), 16, 3) == pytest.approx(np.log(64), rel=1e-6)


@pytest.mark.parametrize("batch_sequences", [1, 2, 5, 100])
def test_held_out_loss_does_not_depend_on_the_batch_and_ignores_an_unfinished_sequence(batch_sequences: int) -> None:
    module = build(TIED)
    load_flat(module, TIED, some_weights(TIED))
    tokens = np.random.default_rng(2).integers(0, 64, 5 * 16 + 9).astype(np.uint16)
    alone = [held_out_loss(module, tokens[at : at + 16], 16, 1) for at in range(0, 80, 16)]
    assert held_out_loss(module, tokens, 16, batch_sequences) == pytest.approx(np.mean(alone), rel=1e-5)


def test_held_out_data_without_a_whole_sequence_are_refused() -> None:
    with pytest.raises(IntegrityError, match=r"data\.held_out_short"):
        held_out_loss(build(TIED), np.zeros(15, np.uint8), 16, 1)


@every
def test_attention_is_causal(spec: ModelSpec) -> None:
    module = build(spec).eval()
    load_flat(module, spec, some_weights(spec))
    sequences = torch.from_numpy(np.random.default_rng(3).integers(0, 64, (1, 12)))
    changed = sequences.clone()
    changed[0, -1] = (changed[0, -1] + 1) % 64
    with torch.no_grad():
        before, after = module(input_ids=sequences).logits, module(input_ids=changed).logits
    assert torch.equal(before[:, :-1], after[:, :-1])
    assert not torch.equal(before[:, -1], after[:, -1])


@every
def test_a_checkpoint_in_the_form_of_the_hub_computes_the_same(spec: ModelSpec, tmp_path: Path) -> None:
    """What an export writes is loaded by `transformers` itself, without anything of ours."""
    weights = some_weights(spec)
    (tmp_path / "config.json").write_text(json.dumps(hub_config(spec)))
    with (tmp_path / "model.safetensors").open("wb") as sink:
        write_keyframe(spec, weights, sink)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    ours = build(spec).eval()
    load_flat(ours, spec, weights)
    sequences = torch.from_numpy(np.random.default_rng(5).integers(0, 64, (2, 16)))
    with torch.no_grad():
        assert torch.allclose(theirs(sequences).logits, ours(input_ids=sequences).logits, atol=1e-5)
