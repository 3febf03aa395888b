import contextlib
from collections.abc import Iterator

import numpy as np
import pytest

from sparewatt.process.memory import Area, create
from sparewatt.work.manifest import CodecSpec
from sparewatt.work.version import VersionId
from sparewatt.worker.areas import RESIDUAL_HEADER_BYTES, residual_base
from sparewatt.worker.residuals import residual_for

CODEC = CodecSpec("topk", "decay", kept=64, decay_micro=500_000)
COUNT = 8


def version(number: int, branch: int = 0) -> VersionId:
    return VersionId(branch, number, "0" * 64)


@pytest.fixture
def area() -> Iterator[Area]:
    with create(RESIDUAL_HEADER_BYTES + 2 * COUNT) as made:
        yield made


def left(area: Area, base: VersionId, kept: float | None = None) -> float:
    """What is added to a pseudo-gradient from `base`; then `kept` is left out."""
    with residual_for(area, CODEC, base) as residual:
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
    with contextlib.suppress(RuntimeError), residual_for(area, CODEC, version(4)):
        raise RuntimeError("the worker is killed while it encodes")
    assert residual_base(area.view) is None
    assert left(area, version(4)) == 0.0


def test_codecs_without_error_feedback_keep_none() -> None:
    with residual_for(None, CodecSpec("int8", "none"), version(1)) as residual:
        assert residual is None
