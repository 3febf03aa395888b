"""The size of a micro-batch."""

from hypothesis import given
from hypothesis import strategies as st

from sparewatt.training.micro_batch import MicroBatch


def first(batch: int, flop_per_sequence: int) -> int:
    return MicroBatch.first(
        batch_sequences=batch, flop_per_sequence=flop_per_sequence, flop_per_s=100.0, bound_seconds=1.0
    ).sequences


def test_a_batch_that_fits_the_bound_stays_whole() -> None:
    assert first(batch=16, flop_per_sequence=6) == 16


def test_one_that_does_not_is_halved_until_it_does() -> None:
    assert first(batch=16, flop_per_sequence=7) == 8
    assert first(batch=16, flop_per_sequence=1000) == 1


@given(
    batch=st.integers(1, 256),
    seconds_per_sequence=st.floats(0.0001, 2.0),
    start=st.integers(1, 256),
)
def test_sizes_settle_within_the_bound_or_at_one_sequence(batch: int, seconds_per_sequence: float, start: int) -> None:
    size = MicroBatch(min(start, batch), batch)
    for _ in range(20):
        size = size.measured(size.sequences * seconds_per_sequence, size.sequences, 0.25)
    assert size.sequences == 1 or size.sequences * seconds_per_sequence <= 0.25
    assert size.sequences == batch or size.sequences * seconds_per_sequence >= 0.25 * 0.4 / 2
    assert size == size.measured(size.sequences * seconds_per_sequence, size.sequences, 0.25)


def test_memory_bounds_the_size_for_good() -> None:
    halved = MicroBatch(16, 16).out_of_memory()
    assert halved == MicroBatch(8, 8)
    assert halved.measured(0.001, 8, 0.25).sequences == 8
    assert MicroBatch(1, 16).out_of_memory() is None


def test_what_one_took_says_how_many_would_fit() -> None:
    size = MicroBatch(4, 16)
    assert size.measured(0.001, 4, 0.25, sequences_fitting=7).sequences == 4
    assert size.measured(0.001, 4, 0.25, sequences_fitting=8).sequences == 8
    assert size.measured(0.3, 4, 0.25, sequences_fitting=8).sequences == 2


def test_a_remembered_size_is_used_as_far_as_the_batch_and_an_estimate_allow() -> None:
    assert MicroBatch.remembered(8, 8, batch_sequences=16) == MicroBatch(8, 8)
    assert MicroBatch.remembered(8, 8, batch_sequences=4) == MicroBatch(4, 4)
    assert MicroBatch(8, 16).within(4) == MicroBatch(4, 4)
    assert MicroBatch(2, 4).within(16) == MicroBatch(2, 4)
