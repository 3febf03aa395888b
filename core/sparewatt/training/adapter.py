"""A low-rank adapter in a model whose own weights are frozen. The layers are those of `peft`."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import torch

from sparewatt.errors import IntegrityError, StorageError
from sparewatt.numeric.keyframe import PIECE_BYTES, open_keyframe
from sparewatt.numeric.weights import FLOAT
from sparewatt.work.model import ADAPTER_PREFIX, ModelSpec, base_of, tensors

# `peft` can hold several adapters in one model and puts the name of one behind the name of its matrix.
_NAME: Final = "default"


@dataclass(frozen=True)
class Frozen:
    """Where the weights lie that an adapter stands on.

    Attributes:
        path: a keyframe of the model without its adapter.
        sha256: what the hash of the file must be.
    """

    path: Path
    sha256: str


def read_frozen(spec: ModelSpec, frozen: Frozen, into: torch.Tensor) -> None:
    """Copy the frozen weights to `into` (flat fp32, on any device) and check their hash, 1 MiB at a time.

    Raises:
        StorageError: ``blob.unreadable``.
        IntegrityError: ``keyframe.malformed``, ``frozen.hash``.
    """
    try:
        with frozen.path.open("rb") as source:
            found = _copied(base_of(spec), source, into)
    except OSError as error:
        raise StorageError("blob.unreadable", blob=frozen.path.name) from error
    if found != frozen.sha256:
        raise IntegrityError("frozen.hash", file=frozen.path.name)


def put_adapter(module: torch.nn.Module, spec: ModelSpec, flat: torch.Tensor) -> None:
    """Put an adapter into `module` whose matrices are views on `flat`, in the order of `work.model.tensors`.

    Raises:
        IntegrityError: ``model.tensors`` when what comes to ask for gradients is not exactly the adapter's tensors.
    """
    # Only where an adapter is trained: it brings in `accelerate`.
    from peft import LoraConfig, inject_adapter_in_model

    adapter = spec.adapter
    assert adapter is not None
    config = LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        target_modules=list(adapter.targets),
        lora_dropout=0.0,
        bias="none",
        fan_in_fan_out=spec.architecture == "gpt2",
    )
    inject_adapter_in_model(config, module, adapter_name=_NAME, low_cpu_mem_usage=True)
    first = 0
    for tensor in tensors(spec):
        view = flat[first : first + tensor.count].view(tensor.shape)
        first += tensor.count
        set_parameter(module, _inside(tensor.name), torch.nn.Parameter(view))
    asking = {name: tuple(value.shape) for name, value in module.named_parameters() if value.requires_grad}
    if asking != {_inside(tensor.name): tensor.shape for tensor in tensors(spec)}:
        raise IntegrityError("model.tensors", found=len(asking), expected=len(tensors(spec)))


def trained_parameters(module: torch.nn.Module, spec: ModelSpec) -> Mapping[str, torch.nn.Parameter]:
    """The parameters of `module` by the names of `work.model.tensors`."""
    found = dict(module.named_parameters())
    if spec.adapter is None:
        return found
    return {tensor.name: found[_inside(tensor.name)] for tensor in tensors(spec)}


def set_parameter(module: torch.nn.Module, name: str, parameter: torch.nn.Parameter) -> None:
    """Make `parameter` the one of that name."""
    owner, _, leaf = name.rpartition(".")
    setattr(module.get_submodule(owner), leaf, parameter)


def _inside(name: str) -> str:
    """The name that a tensor of an adapter's file has in a model."""
    return name.removeprefix(ADAPTER_PREFIX).removesuffix("weight") + f"{_NAME}.weight"


def _copied(base: ModelSpec, source: BinaryIO, into: torch.Tensor) -> str:
    begin = open_keyframe(base, source)
    source.seek(0)
    hasher = hashlib.sha256(source.read(begin))
    for first in range(0, len(into), PIECE_BYTES // FLOAT.itemsize):
        part = into[first : first + PIECE_BYTES // FLOAT.itemsize]
        piece = bytearray(source.read(FLOAT.itemsize * len(part)))
        if len(piece) != FLOAT.itemsize * len(part):
            raise IntegrityError("keyframe.malformed", part="length")
        hasher.update(piece)
        part.copy_(torch.from_numpy(np.frombuffer(piece, dtype=FLOAT)))
    return hasher.hexdigest()
