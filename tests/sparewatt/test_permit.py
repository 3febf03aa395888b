"""The permit: a claim about now that expires by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.errors import IntegrityError
from sparewatt.permit import (
    EXPIRED_SECONDS,
    FRESH_SECONDS,
    HOLD,
    PERMIT_BYTES,
    Grant,
    PermitKind,
    PermitReader,
    PermitWriter,
    read,
)

FULL = Grant(PermitKind.COMPUTE)


def written(*grants: Grant) -> bytearray:
    memory = bytearray(PERMIT_BYTES)
    writer = PermitWriter(memoryview(memory))
    for grant in grants:
        writer.advance(grant)
    return memory


def test_memory_that_was_never_written_holds_no_permit() -> None:
    assert read(bytes(PERMIT_BYTES)) is None
    assert read(b"") is None


def test_a_writer_wants_exactly_its_memory() -> None:
    with pytest.raises(IntegrityError, match=r"permit\.memory"):
        PermitWriter(memoryview(bytearray(PERMIT_BYTES - 1)))
    with pytest.raises(IntegrityError, match=r"permit\.memory"):
        PermitWriter(memoryview(bytes(PERMIT_BYTES)))


@given(
    kind=st.sampled_from(PermitKind),
    duty=st.floats(0.001, 1.0),
    micro_batch=st.floats(0.001, 60.0),
)
def test_what_is_written_is_read(kind: PermitKind, duty: float, micro_batch: float) -> None:
    permit = read(bytes(written(Grant(kind, duty, micro_batch))))
    assert permit is not None
    assert permit.grant.kind is kind
    assert permit.grant.duty == pytest.approx(duty, abs=0.0005)
    assert permit.grant.micro_batch_seconds == pytest.approx(micro_batch, abs=0.0005)


@given(cut=st.integers(0, PERMIT_BYTES), count=st.integers(1, 5), duty=st.floats(0.001, 1.0))
def test_a_torn_reading_is_never_taken_for_a_permit(cut: int, count: int, duty: float) -> None:
    """Any mixture of two consecutive states is either one of the two or nothing."""
    before = bytes(written(*[FULL] * count))
    after = bytes(written(*[FULL] * count, Grant(PermitKind.HOLD, duty)))
    torn = after[:cut] + before[cut:]
    assert read(torn) in (read(before), read(after), None)
    if torn not in (before, after):
        assert read(torn) is None


@given(position=st.integers(0, PERMIT_BYTES - 1), bit=st.integers(0, 7))
def test_a_damaged_permit_is_no_permit(position: int, bit: int) -> None:
    memory = written(FULL, FULL)
    memory[position] ^= 1 << bit
    assert read(memory) is None


def test_the_first_sight_of_a_permit_is_not_fresh_since_it_may_be_of_any_age() -> None:
    reader = PermitReader(now=0.0)
    permit = read(written(FULL))
    assert reader.observe(permit, 0.0).grant is None
    assert reader.observe(permit, 0.5).grant is None


def test_a_permit_that_is_seen_to_advance_is_fresh_for_two_seconds() -> None:
    reader = PermitReader(now=0.0)
    reader.observe(read(written(FULL)), 0.0)
    advanced = read(written(FULL, FULL))
    assert reader.observe(advanced, 0.1).grant == FULL
    assert reader.observe(advanced, FRESH_SECONDS).grant == FULL
    assert reader.observe(advanced, FRESH_SECONDS + 0.1).grant is None


def test_an_advance_is_as_old_as_the_look_before_it() -> None:
    """Whoever looks after five seconds cannot know when in them the permit advanced."""
    reader = PermitReader(now=0.0)
    reader.observe(read(written(FULL)), 0.0)
    assert reader.observe(read(written(FULL, FULL)), 5.0).grant is None


def test_a_withheld_permit_is_fresh_and_allows_nothing() -> None:
    memory = bytearray(PERMIT_BYTES)
    writer = PermitWriter(memoryview(memory))
    reader = PermitReader(now=0.0)
    writer.advance(FULL)
    reader.observe(read(memory), 0.0)
    writer.withhold()
    standing = reader.observe(read(memory), 0.5)
    assert standing.grant == HOLD
    assert not standing.expired


def test_what_was_granted_before_a_sleep_does_not_count_after_it() -> None:
    memory = bytearray(PERMIT_BYTES)
    writer = PermitWriter(memoryview(memory))
    reader = PermitReader(now=0.0)
    for moment in (0.0, 0.5):
        writer.advance(FULL)
        granted = reader.observe(read(memory), moment).grant
    assert granted == FULL
    writer.resumed()
    assert reader.observe(read(memory), 0.6).grant is None
    writer.advance(FULL)
    assert reader.observe(read(memory), 0.7).grant == FULL


@given(
    looks=st.lists(st.floats(0.01, 3.0), min_size=1, max_size=60),
    last_write=st.floats(0.0, 20.0),
    offset=st.floats(-1e6, 1e6),
)
def test_a_hung_writer_stops_the_work_by_the_readers_clock_alone(
    looks: list[float], last_write: float, offset: float
) -> None:
    """The writer writes every 0.5 s until `last_write`; `offset` is where the reader's clock happens to stand.

    Looks are at most 3 s apart, and so is what the reader can be wrong by about the age of an advance.
    """
    memory = bytearray(PERMIT_BYTES)
    writer = PermitWriter(memoryview(memory))
    writer.advance(FULL)
    reader = PermitReader(now=offset)
    now, next_write, written_at = 0.0, 0.5, 0.0
    for look in looks:
        now += look
        while next_write <= min(now, last_write):
            writer.advance(FULL)
            written_at = next_write
            next_write += 0.5
        age = now - written_at
        standing = reader.observe(read(memory), offset + now)
        if age > FRESH_SECONDS + 1e-6:
            assert standing.grant is None
        if age < EXPIRED_SECONDS - 6.0:
            assert not standing.expired
        if age > EXPIRED_SECONDS + 3.0:
            assert standing.expired


def test_a_reader_that_never_sees_a_permit_expires() -> None:
    reader = PermitReader(now=100.0)
    assert not reader.observe(None, 100.0 + EXPIRED_SECONDS - 0.1).expired
    assert reader.observe(None, 100.0 + EXPIRED_SECONDS).expired


def test_an_unreadable_moment_does_not_make_a_later_advance_look_younger() -> None:
    reader = PermitReader(now=0.0)
    reader.observe(read(written(FULL)), 0.0)
    reader.observe(None, 1.9)
    assert reader.observe(read(written(FULL, FULL)), 2.1).grant is None
