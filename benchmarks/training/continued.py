"""Trained weights to go on with, and adapters on them: what both begin with is made once and kept in a file."""

import hashlib
from collections import deque
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import torch

from benchmarks.training.arm import Begins
from benchmarks.training.experiments import BEST_WORKER
from benchmarks.training.lab import MODEL, SEQUENCE, Lab, batch_of, text_of
from benchmarks.training.simulation import alone, tokens_of
from sparewatt.durable import make_folder, replacing
from sparewatt.numeric.keyframe import read_keyframe, write_keyframe
from sparewatt.numeric.weights import FLOAT, Floats, canonicalise
from sparewatt.signing import digest
from sparewatt.training.adapter import Frozen
from sparewatt.work.adapter import LAYERS, AdapterSpec
from sparewatt.work.model import ModelSpec, parameter_count

# As many as `parity` has: then it is the one worker of that experiment which goes on.
START_ROUNDS: Final = 200
RANK: Final = 8
WITH_ADAPTER: Final[ModelSpec] = msgspec.structs.replace(MODEL, adapter=AdapterSpec(RANK, 2 * RANK, LAYERS["llama"]))
# C++ where the first text is Python, and on every computer that has torch.
OTHER_TEXT: Final = Path(torch.__file__).parent / "include" / "torch"


class Starts:
    """Weights that one worker trained on `text`, as keyframes in `folder`.

    Args:
        rounds: outer steps of four full assignments that their tokens are worth.
    """

    def __init__(self, text: Path, folder: Path, rounds: int = START_ROUNDS) -> None:
        self._text = text
        self._folder = folder
        self._batch = batch_of(BEST_WORKER)
        self._steps = tokens_of(BEST_WORKER, rounds) // (self._batch * SEQUENCE)

    def lab(self, begins: Begins, other: Path, seed: int) -> Lab:
        """Where `other` is trained on, from the weights of `seed` or with a new adapter on them.

        Raises:
            InputError: as `collect`, of either text.
        """
        path = self.file(seed)
        if begins == "adapter":
            return Lab(other, seed, spec=WITH_ADAPTER, frozen=Frozen(path, _sha256(path.read_bytes())))
        weights = np.empty(parameter_count(MODEL), FLOAT)
        with path.open("rb") as source:
            read_keyframe(MODEL, source, weights)
        return Lab(other, seed, start=weights)

    def file(self, seed: int) -> Path:
        """A keyframe of them; trained now when there is none from the same text, model and course."""
        unnamed = msgspec.structs.replace(BEST_WORKER, name="")
        course = (unnamed, self._steps, self._batch, SEQUENCE, seed)
        made_of = digest((course, MODEL, _sha256(text_of(self._text).training)))
        path = self._folder / f"{made_of[:16]}.safetensors"
        if not path.exists():
            weights = self._trained(seed)
            canonicalise(weights)
            make_folder(self._folder)
            with replacing(path) as sink:
                write_keyframe(MODEL, weights, sink)
        return path

    def _trained(self, seed: int) -> Floats:
        lab = Lab(self._text, seed)
        ((_, weights),) = deque(alone(BEST_WORKER, lab, self._steps), maxlen=1)
        lab.close()
        return weights


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
