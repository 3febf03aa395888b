"""Checkpoints of the training that a worker is at: written between two inner steps, and gone on from."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sparewatt.errors import InputError, SparewattError
from sparewatt.numeric.weights import FLOAT, as_bytes
from sparewatt.training.inner import InnerLoop
from sparewatt.training.optimiser import Optimiser
from sparewatt.worker.areas import TrainedMark, WorkerAreas, residual_mark
from sparewatt.worker.checkpoint import CHECKPOINT, CheckpointHeader, check_fits
from sparewatt.worker.messages import Train
from sparewatt.worker.mirror import TrainableMirror
from sparewatt.worker.payload import inside
from sparewatt.worker.residual_file import NAME, keep_residual
from sparewatt.worker.residuals import forget_older


@dataclass(frozen=True)
class Training:
    """One assignment under way.

    Attributes:
        batch_sequences: of one inner step.
    """

    frame: Train
    inner: InnerLoop
    optimiser: Optimiser
    mirror: TrainableMirror
    areas: WorkerAreas
    work_folder: Path
    batch_sequences: int

    @property
    def path(self) -> Path:
        """Where the assignment's checkpoint goes or lies.

        Raises:
            InputError: ``worker.path``.
        """
        if self.frame.checkpoint is None:
            raise InputError("worker.path", path="")
        return inside(self.work_folder, self.frame.checkpoint.path)

    def save(self, mark: TrainedMark) -> None:
        """Write a checkpoint of `mark`, which is what the model has now.

        Raises:
            InputError: ``worker.path``; ``worker.nothing_kept`` before the first inner step; ``optimiser.not_kept``.
            StorageError: ``storage.full``, ``storage.unusable``; an earlier checkpoint is as it was.
        """
        self._check_resumable()
        path, moments, place = self.path, self.optimiser.moments(), self.frame.checkpoint
        if moments is None or place is None:
            raise InputError("worker.nothing_kept")
        if self._saved(mark, path):
            return
        residual = self.areas.residual
        if residual is not None:
            # By this process, which alone changes it, and so not while it changes.
            keep_residual(self.work_folder / NAME, place.run, place.device, residual.view)
        self.mirror.copy(mark)
        header = CheckpointHeader(
            run=place.run,
            assignment_id=mark.assignment_id,
            base=self.frame.base,
            way=place.way,
            inner_steps=mark.inner_steps,
            tokens=mark.tokens,
            loss_first_micro=mark.loss_first_micro,
            loss_last_micro=mark.loss_last_micro,
            train_milliseconds=mark.train_milliseconds,
            seed=self.frame.seed,
            next_sequence=mark.inner_steps * self.batch_sequences,
            micro_batch_sequences=self.inner.micro_batch.sequences,
            optimiser_steps=moments.steps,
            coordinates=len(self.mirror.weights),
            residual=None if residual is None else residual_mark(residual.view),
        )

        def arrays() -> Iterator[memoryview]:
            yield as_bytes(self.mirror.weights)
            for tensor in (*moments.first, *moments.second):
                # One tensor at a time, so that a card's moments need no second place in the computer's memory.
                yield as_bytes(tensor.cpu().numpy().reshape(-1))

        CHECKPOINT.write(path, header, arrays())

    def _check_resumable(self) -> None:
        if not self.optimiser.resumable:
            raise InputError("optimiser.not_kept")

    def _saved(self, mark: TrainedMark, path: Path) -> bool:
        """Whether the checkpoint that lies there is this one, because nothing was completed since."""
        if not path.exists():
            return False
        try:
            return CHECKPOINT.read_header(path).mark == mark
        except SparewattError:
            return False

    def resume(self) -> TrainedMark:
        """Set model, optimiser and micro-batch from the checkpoint; what is done already.

        Raises:
            InputError: ``worker.path``, ``optimiser.not_kept``.
            StorageError: ``kept.unreadable``.
            IntegrityError: ``kept.damaged``, ``kept.other``. Nothing was changed then.
        """
        self._check_resumable()
        path, moments = self.path, self.optimiser.blank_moments()
        weights = np.empty(len(self.mirror.weights), dtype=FLOAT)
        check_fits(
            CHECKPOINT.read_header(path),
            assignment_id=self.frame.assignment_id,
            base=self.frame.base,
            seed=self.frame.seed,
            inner_steps=self.frame.inner_steps,
            batch_sequences=self.batch_sequences,
            coordinates=len(weights),
        )
        parts = (tensor.numpy().reshape(-1) for tensor in (*moments.first, *moments.second))
        header = CHECKPOINT.read(path, (as_bytes(weights), *map(as_bytes, parts)))
        self.mirror.moving()
        self.mirror.load(weights)
        self.optimiser.restore(replace(moments, steps=header.optimiser_steps))
        micro_batch = self.inner.micro_batch
        sequences = min(header.micro_batch_sequences, micro_batch.sequences_most)
        self.inner.micro_batch = replace(micro_batch, sequences=sequences)
        self.mirror.copy(header.mark)
        forget_older(self.areas.residual, header.residual)
        return header.mark
