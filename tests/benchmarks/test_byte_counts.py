"""Which bytes are counted, and against what."""

import pytest

from benchmarks.byte_counts import COORDINATES, Seen, _compared, _update_bytes, other_traffic
from benchmarks.gradients import PseudoGradients
from sparewatt.numeric.codec import update_bytes_most
from sparewatt.work.manifest import CodecSpec, PatchSpec

INT8 = CodecSpec("int8", "none")


def test_other_traffic_is_what_updates_and_patches_leave_of_each_direction() -> None:
    first = Seen(up=1_000, down=5_000, updates=2, versions=3, at=10.0)
    last = Seen(up=1_000 + 2 * 400 + 60, down=5_000 + 3 * 300 + 20, updates=4, versions=6, at=20.0)
    up, down = other_traffic(first, last, update=400, patch=300)
    assert (up.name, up.measure, up.unit) == ("bytes-other-up", pytest.approx(6.0), "bytes/s")
    assert (down.name, down.measure) == ("bytes-other-down", pytest.approx(2.0))
    assert "2 updates of 400" in up.notes[0]
    assert "3 patches of 300" in up.notes[1]


def test_a_dense_update_has_the_length_that_its_codec_promises() -> None:
    assert _update_bytes(INT8, PseudoGradients(1)) == update_bytes_most(INT8, COORDINATES)


def test_gradients_of_every_inner_step_are_what_it_is_compared_with() -> None:
    up, both = _compared(INT8, PatchSpec("int8"), 500_000_000, PseudoGradients(1))
    sent = update_bytes_most(INT8, COORDINATES)
    assert up.measure == pytest.approx(4 * 500_000_000 * 30 / sent)
    assert both.measure == pytest.approx(2 * 4 * 500_000_000 * 30 / (sent + 500_000_000))
    assert (up.target, both.target) == (None, None)
