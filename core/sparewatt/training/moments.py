"""An optimiser's second moments as a run shares them: in the order of the model's tensors, which is the optimiser's."""

from pathlib import Path

import numpy as np
import torch

from sparewatt.durable import storage_errors
from sparewatt.numeric.moments import Means, decode_moments, encode_moments, read_moments
from sparewatt.training.model import FlatModel
from sparewatt.training.optimiser import Factors, Optimiser


def reported_moments(model: FlatModel, optimiser: Optimiser) -> bytes:
    """The end of an update.

    Raises:
        IntegrityError: ``moments.malformed`` when the optimiser's numbers are not finite.
    """
    return encode_moments([_as_arrays(factors) for factors in optimiser.second_moments()], model.spec)


def shared_moments(model: FlatModel, path: Path) -> list[Factors] | None:
    """What `Optimiser` starts from, out of the file that a version was published with; None when it holds none yet.

    Raises:
        StorageError: ``storage.unusable``.
        IntegrityError: ``moments.malformed``.
    """
    with storage_errors(path.parent), path.open("rb") as source:
        means = decode_moments(read_moments(source, model.spec), model.spec)
    if means is None:
        return None
    device = model.weights.device
    return [(torch.from_numpy(rows).to(device), torch.from_numpy(columns).to(device)) for rows, columns in means]


def _as_arrays(factors: Factors) -> Means:
    rows, columns = (each.cpu().numpy().astype(np.float32, copy=False) for each in factors)
    return rows, columns
