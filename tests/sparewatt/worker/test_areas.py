"""The header of the trainable area."""

import pytest

from sparewatt.worker.areas import TRAINABLE_HEADER_BYTES, TrainedMark, begin_copy, end_copy, read_mark

MARK = TrainedMark("0123456789abcdef" * 2, inner_steps=7, tokens=7 * 4096)


def area() -> memoryview:
    return memoryview(bytearray(TRAINABLE_HEADER_BYTES + 16))


def test_a_fresh_area_holds_nothing() -> None:
    assert read_mark(area()) is None


def test_a_completed_copy_says_what_it_is() -> None:
    memory = area()
    for mark in (MARK, TrainedMark("f" * 32, 8, 9)):
        begin_copy(memory)
        end_copy(memory, mark)
        assert read_mark(memory) == mark


def test_a_copy_that_was_not_completed_holds_nothing() -> None:
    memory = area()
    begin_copy(memory)
    end_copy(memory, MARK)
    begin_copy(memory)
    assert read_mark(memory) is None


def test_the_area_recovers_after_a_worker_that_died_while_copying() -> None:
    memory = area()
    begin_copy(memory)
    begin_copy(memory)
    end_copy(memory, MARK)
    assert read_mark(memory) == MARK


@pytest.mark.parametrize("position", range(0, TRAINABLE_HEADER_BYTES, 5))
def test_a_damaged_header_holds_nothing(position: int) -> None:
    memory = area()
    begin_copy(memory)
    end_copy(memory, MARK)
    memory[position] ^= 0x10
    assert read_mark(memory) is None
