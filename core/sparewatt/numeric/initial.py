"""Version 0 of a run, from the model's spec and a seed."""

import math
from typing import Final

import numpy as np

from sparewatt.numeric.blocks import BLOCK_COORDINATES
from sparewatt.numeric.weights import FLOAT, Floats, canonicalise
from sparewatt.work.model import ModelSpec, TensorSpec, parameter_count, tensors

DEVIATION: Final = 0.02


def initial_weights(spec: ModelSpec, seed: int) -> Floats:
    """Canonical flat weights: norms 1, biases 0, all others normal with deviation 0.02.

    Projections into the residual stream get 0.02 / sqrt(2 layers), so that the stream's variance does not grow with
    depth (Radford et al., Language models are unsupervised multitask learners, 2019, section 2.3). The first matrix of
    an adapter gets 1 / sqrt(3 inputs), the deviation of the uniform numbers that `peft` draws; the second one is 0, so
    that a new adapter changes nothing.

    Raises:
        IntegrityError: ``model.heads``, ``model.size``.
    """
    flat = np.empty(parameter_count(spec), dtype=FLOAT)
    random = np.random.Generator(np.random.PCG64(seed))
    first = 0
    for tensor in tensors(spec):
        part = flat[first : first + tensor.count]
        first += tensor.count
        if tensor.start in ("ones", "zeros"):
            part[:] = 1.0 if tensor.start == "ones" else 0.0
            continue
        deviation = _deviation(tensor, spec)
        for begin in range(0, len(part), BLOCK_COORDINATES):
            piece = part[begin : begin + BLOCK_COORDINATES]
            piece[:] = deviation * random.standard_normal(len(piece))
    canonicalise(flat)
    return flat


def _deviation(tensor: TensorSpec, spec: ModelSpec) -> float:
    if tensor.start == "adapter":
        return 1 / math.sqrt(3 * tensor.shape[1])
    return DEVIATION / math.sqrt(2 * spec.layers) if tensor.start == "residual" else DEVIATION
