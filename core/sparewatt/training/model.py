"""A `transformers` model class built from our own bounded integers, with all trained weights on one flat buffer.

Where an adapter is trained, `training.adapter` puts it into the class and gives the class the frozen weights.

Importing this module costs what torch (1.4 s) and the Llama class of transformers (2.6 s; it pulls in tensor
parallelism and generation) cost on one desktop core; no switch of transformers makes it less. A worker therefore
imports it while it waits for its first frame; the other classes then cost a tenth of a second each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers.models.llama import configuration_llama, modeling_llama

from sparewatt.errors import IntegrityError
from sparewatt.numeric.weights import Weights, as_floats
from sparewatt.training.adapter import Frozen, put_adapter, read_frozen, set_parameter, trained_parameters
from sparewatt.work.hub_config import hub_config
from sparewatt.work.model import (
    OUTPUT_NAME,
    ModelSpec,
    base_of,
    embedding_name,
    frozen_count,
    parameter_count,
    tensors,
)


@dataclass(frozen=True)
class FlatModel:
    """A model whose parameters are views on `weights`.

    Attributes:
        module: called with ``input_ids`` (int64, sequences x tokens); gives an object with ``logits``.
        weights: fp32, one dimension, in the order of `work.model.tensors`; writing it changes the model. All that is
            trained: other parameters of `module` ask for no gradient.
    """

    spec: ModelSpec
    module: torch.nn.Module
    weights: torch.Tensor

    def load(self, weights: NDArray[np.float32]) -> None:
        """Set all weights from a flat fp32 array of the same size."""
        with torch.no_grad():
            self.weights.copy_(torch.from_numpy(weights))


def build(spec: ModelSpec, frozen: Frozen | None = None) -> torch.nn.Module:
    """The model of `spec` on the CPU with all trained weights zero: `load_flat` gives it its numbers.

    Raises:
        IntegrityError, StorageError: as `build_flat`.
    """
    return build_flat(spec, torch.device("cpu"), frozen).module


def build_flat(spec: ModelSpec, device: torch.device, frozen: Frozen | None = None) -> FlatModel:
    """The model of `spec` on `device` with all trained weights zero.

    It is made on the meta device first, so that nothing is initialised twice and the memory it takes is exactly that of
    the flat buffer and of the frozen weights.

    Args:
        frozen: what an adapter stands on; None where there is no adapter.

    Raises:
        IntegrityError: ``model.architecture`` for one that is not on the allow-list; ``model.tensors`` when the class
            does not have exactly the tensors that `work.model.tensors` promises; ``model.heads``, ``model.size``,
            ``model.adapter``; ``model.frozen`` for an adapter without weights to stand on; ``keyframe.malformed`` and
            ``frozen.hash`` when these are not what they should be.
        StorageError: ``blob.unreadable``.
    """
    module = _on_meta(spec, device)
    if spec.adapter is not None:
        if frozen is None:
            raise IntegrityError("model.frozen")
        own = torch.zeros(frozen_count(spec), dtype=torch.float32, device=device)
        _rebind(module, base_of(spec), own)
        read_frozen(spec, frozen, own)
        module.requires_grad_(requires_grad=False)
        flat = torch.zeros(parameter_count(spec), dtype=torch.float32, device=device)
        put_adapter(module, spec, flat)
    else:
        flat = torch.zeros(parameter_count(spec), dtype=torch.float32, device=device)
        _rebind(module, spec, flat)
    return FlatModel(spec=spec, module=module, weights=flat)


def load_flat(model: torch.nn.Module, spec: ModelSpec, weights: Weights) -> None:
    """Set every parameter from `weights`: little-endian fp32 in the order of `work.model.tensors`.

    Raises:
        IntegrityError: ``weights.size``.
    """
    flat = as_floats(weights, parameter_count(spec))
    parameters = trained_parameters(model, spec)
    first = 0
    with torch.no_grad():
        for tensor in tensors(spec):
            part = flat[first : first + tensor.count]
            first += tensor.count
            # torch warns about arrays it could write to by mistake; a read-only area is copied tensor by tensor.
            source = torch.from_numpy(part if part.flags.writeable else part.copy())
            parameters[tensor.name].copy_(source.view(tensor.shape))


def store_flat(model: torch.nn.Module, spec: ModelSpec, into: Weights) -> None:
    """Write every parameter to `into`, the reverse of `load_flat`.

    Raises:
        IntegrityError: ``weights.size``.
    """
    flat = as_floats(into, parameter_count(spec))
    parameters = trained_parameters(model, spec)
    first = 0
    for tensor in tensors(spec):
        part = flat[first : first + tensor.count]
        first += tensor.count
        part[:] = parameters[tensor.name].detach().reshape(-1).cpu().numpy()


def use_checkpointing(module: torch.nn.Module) -> None:
    """Keep only each layer's input of a pass, and compute the layer again for the backward pass."""
    # The name that transformers 5 goes by from some release on; the older one warns there.
    enable: Any = getattr(module, "activation_checkpointing_enable", None) or module.gradient_checkpointing_enable
    enable({"use_reentrant": False})


def next_token_loss(model: Callable[..., Any], sequences: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy in nats of predicting tokens 1 … L-1 of each of `sequences` (int64, n x L) from those before.

    The same numbers as the `labels` argument of a transformers model gives; logits are taken to fp32 first.
    """
    logits: torch.Tensor = model(input_ids=sequences, use_cache=False).logits
    predicted = logits[:, :-1].flatten(0, 1).float()
    return torch.nn.functional.cross_entropy(predicted, sequences[:, 1:].flatten())


def held_out_loss(
    model: torch.nn.Module, tokens: NDArray[np.integer], sequence_length: int, batch_sequences: int
) -> float:
    """Mean loss in nats over all whole sequences of `tokens`, `batch_sequences` at a time, in fp32.

    Tokens after the last whole sequence are left out.

    Raises:
        IntegrityError: ``data.held_out_short`` when there is not one whole sequence.
    """
    count = len(tokens) // sequence_length
    if count == 0:
        raise IntegrityError("data.held_out_short", tokens=len(tokens), sequence=sequence_length)
    sequences = np.asarray(tokens[: count * sequence_length]).reshape(count, sequence_length)
    device = next(model.parameters()).device
    total = 0.0
    with torch.inference_mode():
        for first in range(0, count, batch_sequences):
            batch = torch.from_numpy(sequences[first : first + batch_sequences].astype(np.int64)).to(device)
            total += float(next_token_loss(model, batch)) * len(batch)
    return total / count


def _classes(architecture: str) -> tuple[Callable[..., Any], Callable[[Any], torch.nn.Module], str, Any]:
    """Configuration, model and rotary embedding of an architecture, and where in the model the last is.

    Each is imported by name when it is needed: no name from a manifest ever becomes the name of a module.
    """
    match architecture:
        case "llama":
            rotary: Any = modeling_llama.LlamaRotaryEmbedding
            return configuration_llama.LlamaConfig, modeling_llama.LlamaForCausalLM, "model", rotary
        case "qwen2":
            from transformers.models.qwen2 import configuration_qwen2, modeling_qwen2

            rotary = modeling_qwen2.Qwen2RotaryEmbedding
            return configuration_qwen2.Qwen2Config, modeling_qwen2.Qwen2ForCausalLM, "model", rotary
        case "qwen3":
            from transformers.models.qwen3 import configuration_qwen3, modeling_qwen3

            rotary = modeling_qwen3.Qwen3RotaryEmbedding
            return configuration_qwen3.Qwen3Config, modeling_qwen3.Qwen3ForCausalLM, "model", rotary
        case "gpt2":
            from transformers.models.gpt2 import configuration_gpt2, modeling_gpt2

            return configuration_gpt2.GPT2Config, modeling_gpt2.GPT2LMHeadModel, "", None
        case "gpt_neox":
            from transformers.models.gpt_neox import configuration_gpt_neox, modeling_gpt_neox

            rotary = modeling_gpt_neox.GPTNeoXRotaryEmbedding
            return configuration_gpt_neox.GPTNeoXConfig, modeling_gpt_neox.GPTNeoXForCausalLM, "gpt_neox", rotary
    raise IntegrityError("model.architecture", architecture=architecture)


def _on_meta(spec: ModelSpec, device: torch.device) -> torch.nn.Module:
    configuration, model, owner, rotary = _classes(spec.architecture)
    config = configuration(**hub_config(base_of(spec)))
    with torch.device("meta"):
        module = model(config)
    if rotary is not None:
        # The only numbers that are not weights: a meta buffer has none, so they are computed anew on the device.
        module.get_submodule(owner).rotary_emb = rotary(config).to(device)
    return module


def _rebind(module: torch.nn.Module, spec: ModelSpec, flat: torch.Tensor) -> None:
    listed = tensors(spec)
    embedding = embedding_name(spec)
    expected = {tensor.name: tensor.shape for tensor in listed}
    if spec.embeddings == "tied":
        expected[OUTPUT_NAME] = expected[embedding]
    found = {name: tuple(value.shape) for name, value in module.named_parameters(remove_duplicate=False)}
    if found != expected:
        raise IntegrityError("model.tensors", found=len(found), expected=len(expected))
    first = 0
    for tensor in listed:
        view = flat[first : first + tensor.count].view(tensor.shape)
        first += tensor.count
        set_parameter(module, tensor.name, torch.nn.Parameter(view))
    if spec.embeddings == "tied":
        set_parameter(module, OUTPUT_NAME, module.get_parameter(embedding))
