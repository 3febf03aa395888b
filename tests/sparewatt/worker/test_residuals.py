import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sparewatt.errors import IntegrityError
from sparewatt.process.memory import Area, create
from sparewatt.work.manifest import CodecSpec
from sparewatt.work.version import VersionId
from sparewatt.worker.areas import RESIDUAL_HEADER_BYTES, ResidualMark, residual_base, residual_mark
from sparewatt.worker.residual_file import NAME, keep_residual, residual_bytes, take_residual
from sparewatt.worker.residuals import forget_older, residual_for

CODEC = CodecSpec("topk", "decay", kept=64, decay_micro=500_000)
COUNT = 8
RUN, DEVICE = "ab" * 32, "cpu"
NOWHERE = Path("nowhere")


def version(number: int, branch: int = 0) -> VersionId:
    return VersionId(branch, number, "0" * 64)


@pytest.fixture
def area() -> Iterator[Area]:
    with create(RESIDUAL_HEADER_BYTES + 2 * COUNT) as made:
        yield made


def left(area: Area, base: VersionId, kept: float | None = None) -> float:
    """What is added to a pseudo-gradient from `base`; then `kept` is left out."""
    with residual_for(area, CODEC, base, NOWHERE) as residual:
        assert residual is not None
        added = residual.add_to(np.zeros(COUNT, np.float32), 0)
        if kept is not None:
            residual.keep(np.full(COUNT, kept, np.float32), 0)
    assert len(set(added.tolist())) == 1
    return float(added[0])


def test_what_was_left_out_counts_less_with_every_version_since(area: Area) -> None:
    assert left(area, version(3), kept=1.0) == 0.0
    assert left(area, version(3), kept=1.0) == 0.5
    assert left(area, version(5), kept=1.0) == 0.25
    assert residual_base(area.view) == (0, 5)


@pytest.mark.parametrize("base", [version(68), version(2), version(4, branch=1)])
def test_after_64_versions_or_a_rollback_nothing_is_left(area: Area, base: VersionId) -> None:
    left(area, version(3), kept=1.0)
    assert left(area, base) == 0.0


def test_a_residual_whose_change_was_cut_off_is_forgotten(area: Area) -> None:
    left(area, version(3), kept=1.0)
    with contextlib.suppress(RuntimeError), residual_for(area, CODEC, version(4), NOWHERE):
        raise RuntimeError("the worker is killed while it encodes")
    assert residual_base(area.view) is None
    assert left(area, version(4)) == 0.0


def test_codecs_without_error_feedback_keep_none() -> None:
    with residual_for(None, CodecSpec("int8", "none"), version(1), NOWHERE) as residual:
        assert residual is None


def kept(area: Area, folder: Path, run: str = RUN) -> ResidualMark | None:
    return take_residual(folder / NAME, run, DEVICE, area.view)


def test_a_residual_on_the_disk_is_the_newest_or_there_is_none(area: Area, tmp_path: Path) -> None:
    file = tmp_path / NAME
    assert keep_residual(file, RUN, DEVICE, area.view) == 0, "nothing was left out yet"
    left(area, version(3), kept=1.0)
    written = keep_residual(file, RUN, DEVICE, area.view)
    assert written == file.stat().st_size <= residual_bytes(COUNT)
    assert keep_residual(file, RUN, DEVICE, area.view) == 0, "it is there already"
    with create(RESIDUAL_HEADER_BYTES + 2 * COUNT) as later:
        assert kept(later, tmp_path) == ResidualMark(branch=0, number=3, generation=1)
        assert residual_mark(later.view) == residual_mark(area.view)
        with residual_for(later, CODEC, version(5), tmp_path) as residual:
            assert not file.exists(), "what is about to change is not on the disk any more"
            assert residual is not None
            assert set(residual.add_to(np.zeros(COUNT, np.float32), 0).tolist()) == {0.25}


@pytest.mark.parametrize("run", ["cd" * 32, RUN])
def test_a_residual_of_another_run_or_a_damaged_one_is_not_taken(area: Area, tmp_path: Path, run: str) -> None:
    left(area, version(3), kept=1.0)
    keep_residual(tmp_path / NAME, "cd" * 32, DEVICE, area.view)
    damaged = bytearray((tmp_path / NAME).read_bytes())
    damaged[-40] ^= 1
    (tmp_path / NAME).write_bytes(damaged)
    with create(RESIDUAL_HEADER_BYTES + 2 * COUNT) as later:
        if run == RUN:
            assert kept(later, tmp_path) is None
        else:
            with pytest.raises(IntegrityError, match=r"kept\.damaged"):
                kept(later, tmp_path, run)
        assert left(later, version(4)) == 0.0


def test_an_older_residual_than_a_checkpoint_had_is_forgotten(area: Area) -> None:
    left(area, version(3), kept=1.0)
    left(area, version(4), kept=1.0)
    forget_older(area, None)
    forget_older(area, ResidualMark(branch=0, number=4, generation=2))
    assert residual_base(area.view) == (0, 4)
    forget_older(area, ResidualMark(branch=0, number=5, generation=3))
    assert residual_base(area.view) is None
    assert left(area, version(5)) == 0.0
