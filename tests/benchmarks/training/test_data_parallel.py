"""Processes that share every batch and average their gradients, against one that takes the whole batch."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.training.data_parallel import compare
from benchmarks.training.lab import Share, SharedSequences
from sparewatt.training.data import Sequences, Span

LENGTH = 8


def sequences(path: Path, count: int, batch: int) -> Sequences:
    numbers = np.repeat(np.arange(count, dtype=np.uint8), LENGTH)
    path.write_bytes(numbers.tobytes())
    spans = (Span(path, 0, count * LENGTH),)
    return Sequences(
        spans, token_dtype="u8", vocabulary_size=256, sequence_length=LENGTH, batch_sequences=batch, seed=3
    )


def test_together_the_processes_train_on_each_batch_as_it_is(tmp_path: Path) -> None:
    whole = sequences(tmp_path / "shard", count=24, batch=8)
    shares = [SharedSequences(whole, 8, Share(rank, 4)) for rank in range(4)]
    assert [len(share) for share in shares] == [6, 6, 6, 6]
    for step in range(3):
        together = np.concatenate([share.batch(step * 2, 2) for share in shares])
        assert together.tobytes() == whole.batch(step * 8, 8).tobytes()


def test_a_share_of_a_batch_may_be_cut_into_micro_batches(tmp_path: Path) -> None:
    share = SharedSequences(sequences(tmp_path / "shard", count=24, batch=8), 8, Share(1, 2))
    halves = np.concatenate([share.batch(4, 2), share.batch(6, 2)])
    assert halves.tobytes() == share.batch(4, 4).tobytes()


@pytest.mark.processes
def test_averaged_gradients_train_as_the_large_batch_does(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("".join(f"{n}: {n * n} is the square of {n}.\n" for n in range(20_000)))
    found = compare(text, seed=1, steps=2)
    assert found.apart < 1e-4
    assert found.loss_together == pytest.approx(found.loss_alone, abs=1e-5)
