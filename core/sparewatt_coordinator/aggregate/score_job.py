"""Held-out loss and samples of versions. The only module of the run's side that computes with torch."""

from pathlib import Path
from typing import Final

import numpy as np
import torch

from sparewatt.blobs.folder import BlobFolder
from sparewatt.durable import storage_errors
from sparewatt.errors import StorageError
from sparewatt.numeric.version_file import load_version
from sparewatt.training.adapter import Frozen
from sparewatt.training.model import build, held_out_loss, load_flat
from sparewatt.work.manifest import DataSpec, FrozenBase
from sparewatt.work.model import ModelSpec
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.aggregate.messages import Evaluate, Evaluated, Sample, Sampled, Weights
from sparewatt_coordinator.aggregate.words import ByteWords, FileWords, Words

# Through a model of 1 M parameters, 16 sequences of 128 bytes need about 50 MiB for activations.
_BATCH_SEQUENCES: Final = 16
_TOKEN_DTYPES: Final[dict[str, np.dtype[np.unsignedinteger]]] = {
    "u8": np.dtype("<u1"),
    "u16": np.dtype("<u2"),
    "u32": np.dtype("<u4"),
}


class Scorer:
    """Scores versions of the run whose blobs lie in `blobs`; keeps the last model for the next score of its version."""

    def __init__(self, blobs: BlobFolder) -> None:
        self._blobs = blobs
        self._spec: ModelSpec | None = None
        self._version: VersionId | None = None
        self._model: torch.nn.Module | None = None

    def evaluate(self, job: Evaluate) -> Evaluated:
        """Mean cross-entropy in nats over whole sequences, each predicting all of its tokens but the first.

        Raises:
            StorageError: ``storage.blob_missing``, ``storage.unusable``, ``version.unreadable``.
            IntegrityError: ``version.hash``, ``data.held_out_short``.
        """
        torch.set_num_threads(job.threads)
        path = self._path(job.data.held_out)
        with storage_errors(path.parent):
            tokens = np.fromfile(path, dtype=_TOKEN_DTYPES[job.data.token_dtype], count=job.tokens)
        model = self._load(job.model, job.weights)
        loss = held_out_loss(model, tokens, job.data.sequence_length, _BATCH_SEQUENCES)
        used = len(tokens) // job.data.sequence_length * job.data.sequence_length
        return Evaluated(reply_to=job.id, version=job.weights.version, loss_micro=round(loss * 1e6), tokens=used)

    def sample(self, job: Sample) -> Sampled:
        """Continue the prompt token by token, as far as the model's context reaches; one seed, one text, on one
        computer.

        Raises:
            StorageError: ``storage.blob_missing``, ``version.unreadable``.
            IntegrityError: ``version.hash``.
        """
        torch.set_num_threads(job.threads)
        model = self._load(job.model, job.weights)
        context = job.model.context_length
        count = min(job.tokens, context - 1)
        words = self._words(job.data)
        prompt = (words.tokens(job.prompt) or words.tokens("\n") or [0])[-(context - count) :]
        written: list[int] = []
        random = torch.Generator().manual_seed(job.seed % 2**63)
        with torch.inference_mode():
            tokens, past = torch.tensor([prompt]), None
            for _ in range(count):
                given = model(input_ids=tokens, past_key_values=past, use_cache=True)
                past = given.past_key_values
                # A model's vocabulary may be larger than that of the data.
                logits = given.logits[:, -1, : job.data.vocabulary_size]
                tokens = _draw(logits, job.temperature_milli / 1e3, random)
                written.append(int(tokens))
        return Sampled(reply_to=job.id, text=printable(words.text(written)))

    def _words(self, data: DataSpec) -> Words:
        if data.tokenizer_file is None:
            return ByteWords()
        return FileWords(self._blobs.read(data.tokenizer_file))

    def _load(self, spec: ModelSpec, weights: Weights) -> torch.nn.Module:
        if self._model is None or self._spec != spec:
            frozen = None if weights.frozen is None else self._frozen(weights.frozen)
            self._model, self._spec, self._version = build(spec, frozen).eval(), spec, None
        if self._version != weights.version:
            self._version = None
            path = self._path(weights.outer_state or weights.keyframe)
            load_flat(self._model, spec, load_version(spec, path, weights.version.sha256))
            self._version = weights.version
        return self._model

    def _frozen(self, base: FrozenBase) -> Frozen:
        return Frozen(self._path(base.weights), base.weights.sha256)

    def _path(self, blob: BlobRef) -> Path:
        if not self._blobs.has(blob.sha256):
            raise StorageError("storage.blob_missing", blob=blob.sha256)
        return self._blobs.path(blob.sha256)


def printable(text: str) -> str:
    """`text` without control characters but line ends and tabs."""
    return "".join(each for each in text if each in "\n\t" or each.isprintable())


def _draw(logits: torch.Tensor, temperature: float, random: torch.Generator) -> torch.Tensor:
    if temperature == 0:
        return logits.argmax(dim=-1, keepdim=True)
    return torch.multinomial(torch.softmax(logits / temperature, dim=-1), 1, generator=random)
