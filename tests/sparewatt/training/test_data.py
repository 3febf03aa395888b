"""Sequences of an assignment."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.errors import IntegrityError, StorageError
from sparewatt.training.data import Sequences, Span, order, training_order


def shard(folder: Path, first: int, count: int, dtype: str = "<u1") -> Path:
    path = folder / f"shard-{first}"
    np.arange(first, first + count).astype(dtype).tofile(path)
    return path


def sequences(*spans: Span, seed: int = 1, batch: int = 100, dtype: str = "u8", vocabulary: int = 256) -> Sequences:
    return Sequences(
        tuple(spans),
        token_dtype=dtype,
        vocabulary_size=vocabulary,
        sequence_length=4,
        batch_sequences=batch,
        seed=seed,
    )


@given(count=st.integers(0, 300), seed=st.integers(0, 2**53 - 1))
def test_every_sequence_comes_exactly_once(count: int, seed: int) -> None:
    assert sorted(order(count, seed).tolist()) == list(range(count))


def test_the_order_is_the_same_for_ever() -> None:
    assert order(8, 0).tolist() == [2, 4, 6, 5, 1, 7, 0, 3]
    assert order(8, 1).tolist() == [7, 4, 1, 2, 6, 5, 0, 3]


@given(steps=st.integers(1, 20), batch=st.integers(1, 16), seed=st.integers(0, 2**53 - 1))
def test_an_inner_step_takes_only_the_sequences_whose_turn_it_is(steps: int, batch: int, seed: int) -> None:
    """So that what a stopped assignment has trained is a front part of its ranges, and the rest is a gap."""
    made = training_order(steps * batch, batch, seed)
    for step in range(steps):
        assert sorted(made[step * batch : (step + 1) * batch].tolist()) == list(range(step * batch, (step + 1) * batch))


@pytest.mark.parametrize(("dtype", "kind"), [("u8", "<u1"), ("u16", "<u2"), ("u32", "<u4")])
def test_sequences_of_all_spans_are_whole_and_mixed_by_the_seed(tmp_path: Path, dtype: str, kind: str) -> None:
    one, two = shard(tmp_path, 0, 40, kind), shard(tmp_path, 100, 40, kind)
    made = sequences(Span(one, 8, 16), Span(two, 0, 12), dtype=dtype)
    assert len(made) == 7
    batch = made.batch(0, 7)
    assert batch.dtype == np.int64
    assert sorted(batch[:, 0].tolist()) == [8, 12, 16, 20, 100, 104, 108]
    assert (np.diff(batch, axis=1) == 1).all()
    again = sequences(Span(one, 8, 16), Span(two, 0, 12), dtype=dtype)
    assert (np.concatenate([again.batch(0, 3), again.batch(3, 4)]) == batch).all()
    other = sequences(Span(one, 8, 16), Span(two, 0, 12), dtype=dtype, seed=2)
    assert (other.batch(0, 7) != batch).any()


@pytest.mark.parametrize(("first", "count"), [(2, 4), (0, 6), (36, 8), (0, 0), (-4, 8), (40, 4)])
def test_spans_that_are_not_whole_sequences_of_the_shard_are_refused(tmp_path: Path, first: int, count: int) -> None:
    with pytest.raises(IntegrityError, match=r"data\.range"):
        sequences(Span(shard(tmp_path, 0, 40), first, count))


def test_a_shard_that_is_not_there_is_a_failure_of_storage(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"data\.unreadable"):
        sequences(Span(tmp_path / "gone", 0, 4))


def test_a_token_outside_the_vocabulary_is_refused(tmp_path: Path) -> None:
    made = sequences(Span(shard(tmp_path, 0, 40), 0, 40), vocabulary=39)
    with pytest.raises(IntegrityError, match=r"data\.token_range"):
        made.batch(0, 10)
