import hashlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model
from safetensors.torch import save_file

from sparewatt.errors import IntegrityError, StorageError
from sparewatt.numeric.initial import initial_weights
from sparewatt.numeric.keyframe import write_keyframe
from sparewatt.numeric.moments import CODE, write_moments
from sparewatt.numeric.weights import Floats
from sparewatt.training.adapter import Frozen
from sparewatt.training.model import FlatModel, build, build_flat, load_flat, next_token_loss, store_flat
from sparewatt.training.moments import reported_moments, shared_moments
from sparewatt.training.optimiser import Optimiser
from sparewatt.work.adapter import LAYERS, AdapterSpec
from sparewatt.work.manifest import OptimiserSpec
from sparewatt.work.model import ModelSpec, base_of, parameter_count, tensors

CPU = torch.device("cpu")
OPTIMISER = OptimiserSpec("adamw", 900_000, 950_000, 10_000, 100_000, 1_000, 1, 100_000, 0, 200_000)
PLAIN = (
    ModelSpec("llama", 64, 32, 48, 2, 4, 2, 32),
    ModelSpec("qwen3", 64, 32, 64, 2, 4, 2, 32, "separate", head_size=16),
    ModelSpec("gpt2", 64, 32, 64, 2, 4, 4, 32),
    ModelSpec("gpt_neox", 64, 32, 64, 2, 4, 4, 32, "separate", rotary_share_micro=250_000),
)
ADAPTED = [msgspec.structs.replace(spec, adapter=AdapterSpec(4, 8, LAYERS[spec.architecture])) for spec in PLAIN]
every = pytest.mark.parametrize("spec", ADAPTED, ids=lambda spec: spec.architecture)
TOKENS = torch.arange(48).reshape(2, 24)


def stored(spec: ModelSpec, folder: Path) -> tuple[Floats, Frozen]:
    """Weights to stand on, and the file that holds them."""
    base = base_of(spec)
    weights = initial_weights(base, 5)
    path = folder / "frozen"
    with path.open("wb") as sink:
        write_keyframe(base, weights, sink)
    return weights, Frozen(path, hashlib.sha256(path.read_bytes()).hexdigest())


def logits(module: torch.nn.Module) -> torch.Tensor:
    with torch.inference_mode():
        return module.eval()(input_ids=TOKENS).logits


def of(spec: ModelSpec, frozen: Frozen, weights: Floats) -> FlatModel:
    model = build_flat(spec, CPU, frozen)
    model.load(weights)
    return model


@every
def test_a_new_adapter_changes_nothing(spec: ModelSpec, tmp_path: Path) -> None:
    weights, frozen = stored(spec, tmp_path)
    plain = build(base_of(spec))
    load_flat(plain, base_of(spec), weights)
    assert torch.equal(logits(of(spec, frozen, initial_weights(spec, 1)).module), logits(plain))


@every
def test_weights_go_in_and_out_unchanged(spec: ModelSpec, tmp_path: Path) -> None:
    _, frozen = stored(spec, tmp_path)
    weights = np.linspace(-0.1, 0.1, parameter_count(spec), dtype=np.float32)
    module, back = build(spec, frozen), np.zeros_like(weights)
    load_flat(module, spec, weights)
    store_flat(module, spec, back)
    assert back.tobytes() == weights.tobytes()
    assert torch.equal(logits(module), logits(of(spec, frozen, weights).module))


@every
def test_only_the_adapter_has_moments_and_they_can_be_kept_and_shared(spec: ModelSpec, tmp_path: Path) -> None:
    _, frozen = stored(spec, tmp_path)
    model = of(spec, frozen, initial_weights(spec, 1))
    optimiser = Optimiser(model.module, OPTIMISER)
    assert optimiser.moments() is None
    next_token_loss(model.module, TOKENS).backward()
    optimiser.step(1e-3)
    kept = optimiser.moments()
    assert kept is not None
    shapes = [tensor.shape for tensor in tensors(spec)]
    assert [tuple(moment.shape) for moment in kept.second] == shapes
    with (tmp_path / "moments").open("wb") as sink:
        write_moments(np.frombuffer(reported_moments(model, optimiser), dtype=CODE), sink)
    shared = shared_moments(model, tmp_path / "moments")
    assert shared is not None
    for factors, own in zip(shared, optimiser.second_moments(), strict=True):
        for said, exact in zip(factors, own, strict=True):
            assert said.numpy() == pytest.approx(exact.numpy(), rel=0.1, abs=1e-12)
    begun = Optimiser(model.module, OPTIMISER, shared).moments()
    assert begun is not None
    assert [tuple(moment.shape) for moment in begun.second] == shapes


@every
def test_peft_computes_the_same_from_the_file_of_an_adapter(spec: ModelSpec, tmp_path: Path) -> None:
    base_weights, frozen = stored(spec, tmp_path)
    weights = (np.random.default_rng(7).standard_normal(parameter_count(spec)) * 0.1).astype(np.float32)
    theirs = build(base_of(spec))
    load_flat(theirs, base_of(spec), base_weights)
    assert spec.adapter is not None
    config = LoraConfig(
        r=4, lora_alpha=8, target_modules=list(spec.adapter.targets), fan_in_fan_out=spec.architecture == "gpt2"
    )
    theirs = inject_adapter_in_model(config, theirs)
    names = {name: value.shape for name, value in get_peft_model_state_dict(theirs).items()}
    own = {tensor.name.removeprefix("base_model.model."): tensor.shape for tensor in tensors(spec)}
    assert own == {name: tuple(shape) for name, shape in names.items()}
    first = 0
    for tensor in tensors(spec):
        name = tensor.name.removeprefix("base_model.model.").removesuffix("weight") + "default.weight"
        part = torch.from_numpy(weights[first : first + tensor.count].reshape(tensor.shape))
        theirs.get_parameter(name).data.copy_(part)
        first += tensor.count
    ours = logits(of(spec, frozen, weights).module)
    assert torch.equal(ours, logits(theirs))
    plain = build(base_of(spec))
    load_flat(plain, base_of(spec), base_weights)
    assert not torch.equal(ours, logits(plain))


@every
def test_gradients_reach_the_adapter_alone(spec: ModelSpec, tmp_path: Path) -> None:
    _, frozen = stored(spec, tmp_path)
    model = of(spec, frozen, initial_weights(spec, 1))
    next_token_loss(model.module.train(), TOKENS).backward()
    with_gradient = [value.numel() for value in model.module.parameters() if value.grad is not None]
    assert sum(with_gradient) == parameter_count(spec) == len(model.weights)
    assert all(value.requires_grad == (value.grad is not None) for value in model.module.parameters())


def test_an_adapter_stands_on_the_weights_that_were_stated_and_no_others(tmp_path: Path) -> None:
    spec = ADAPTED[0]
    _, frozen = stored(spec, tmp_path)
    with pytest.raises(IntegrityError, match=r"model\.frozen"):
        build(spec)
    with pytest.raises(IntegrityError, match=r"frozen\.hash"):
        build(spec, Frozen(frozen.path, "0" * 64))
    changed = bytearray(frozen.path.read_bytes())
    changed[-1] ^= 1
    frozen.path.write_bytes(changed)
    with pytest.raises(IntegrityError, match=r"frozen\.hash"):
        build(spec, frozen)
    frozen.path.write_bytes(changed[:-4])
    with pytest.raises(IntegrityError, match=r"keyframe\.malformed"):
        build(spec, frozen)
    save_file({"a": torch.ones(3)}, frozen.path)
    with pytest.raises(IntegrityError, match=r"keyframe\.malformed"):
        build(spec, frozen)
    frozen.path.unlink()
    with pytest.raises(StorageError, match=r"blob\.unreadable"):
        build(spec, frozen)
