"""Version 0 of a run, from the model's spec and a seed."""

import math
from typing import Final

import numpy as np

from sparewatt.numeric.blocks import BLOCK_COORDINATES
from sparewatt.numeric.weights import FLOAT, Floats, canonicalise
from sparewatt.work.model import ModelSpec, parameter_count, tensors

DEVIATION: Final = 0.02


def initial_weights(spec: ModelSpec, seed: int) -> Floats:
    """Canonical flat weights: norms 1, biases 0, all others normal with deviation 0.02.

    Projections into the residual stream get 0.02 / sqrt(2 layers), so that the stream's variance does not grow with
    depth (Radford et al., Language models are unsupervised multitask learners, 2019, section 2.3).

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
        deviation = DEVIATION / math.sqrt(2 * spec.layers) if tensor.start == "residual" else DEVIATION
        for begin in range(0, len(part), BLOCK_COORDINATES):
            piece = part[begin : begin + BLOCK_COORDINATES]
            piece[:] = deviation * random.standard_normal(len(piece))
    canonicalise(flat)
    return flat
