"""The experiments: which arms answer which question.

    python -m benchmarks.training                 lists them
    python -m benchmarks.training parity          runs one, or goes on with it
    python -m benchmarks.training parity --seeds 3 --rounds 200 --to results

Every finished arm is a file; a run that was interrupted takes up where it was. An arm of 200 rounds takes some five
minutes of one core.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from benchmarks.training.arm import EXACT, MEAN, NESTEROV, Arm, topk, with_patch
from sparewatt.work.manifest import CodecSpec, PatchSpec

REFERENCE: Final = "one worker"


@dataclass(frozen=True)
class Experiment:
    """Attributes:
    question: what its numbers answer.
    reference: name of the arm that all are compared with.
    """

    question: str
    reference: str
    arms: tuple[Arm, ...]


def _with(arm: Arm, name: str, **changes: object) -> Arm:
    return msgspec.structs.replace(arm, name=name, **changes)


ONE_WORKER: Final = Arm(name=REFERENCE, together=True)
DILOCO: Final = Arm(name="dense DiLoCo", codec=EXACT, outer=NESTEROV)
INT8: Final = Arm(name="int8, mean")
TOPK: Final = Arm(
    name="topk 128, patch 512", codec=topk(128), outer=with_patch(MEAN, PatchSpec("topk", kept=512)), state="kept"
)
HOME: Final = Arm(name="int4, mean", codec=CodecSpec("int4", "decay", decay_micro=950_000))

EXPERIMENTS: Final[dict[str, Experiment]] = {
    "parity": Experiment(
        "Does training by contributors reach the loss of one worker at equal tokens?",
        REFERENCE,
        (ONE_WORKER, DILOCO, INT8, HOME, TOPK),
    ),
    "state": Experiment(
        "What do fresh, shared and kept optimiser states cost?",
        "int8, mean",
        (
            INT8,
            _with(INT8, "int8, shared second moments", state="fresh-shared-v"),
            _with(INT8, "int8, kept states", state="kept"),
        ),
    ),
    "waiting": Experiment(
        "What does it cost not to wait for the version that holds one's own update?",
        "int8, mean",
        (INT8, _with(INT8, "never waits", wait_micro=0), _with(INT8, "waits a tenth", wait_micro=100_000)),
    ),
    "patches": Experiment(
        "What do sparse and narrow patches cost?",
        "int8, mean",
        (
            INT8,
            _with(INT8, "patch int4", outer=with_patch(MEAN, PatchSpec("int4"))),
            _with(INT8, "patch topk 512", outer=with_patch(MEAN, PatchSpec("topk", kept=512))),
            _with(INT8, "patch topk 256", outer=with_patch(MEAN, PatchSpec("topk", kept=256))),
        ),
    ),
    "churn": Experiment(
        "What do devices cost that die or are stopped in 30 % of their assignments?",
        "int8, mean",
        (
            INT8,
            _with(INT8, "30 % stopped early", stopped_micro=300_000),
            _with(INT8, "30 % killed", killed_micro=300_000),
        ),
    ),
    "spread": Experiment(
        "Does a spread of speeds of 16 to 1 cost anything?",
        "int8, mean",
        (INT8, _with(INT8, "speeds 4, 1, 1/2, 1/4", speeds_milli=(4_000, 1_000, 500, 250))),
    ),
    "joiner": Experiment(
        "Does a contributor who joins in the middle disturb?",
        "int8, mean",
        (INT8, _with(INT8, "the fourth joins at round 60", joins_at_round=60)),
    ),
}
