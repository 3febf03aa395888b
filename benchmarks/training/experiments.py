"""The experiments: which arms answer which question.

    python -m benchmarks                          lists them
    python -m benchmarks parity --to results      runs one, or goes on with it

Every finished arm is a file; an experiment that was interrupted takes up where it was. Two hundred rounds of an arm
take some five minutes of one core.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from benchmarks.training.arm import DENSE, EXACT, MEAN, NESTEROV, Arm, Begins, topk, with_patch
from sparewatt.work.manifest import CodecSpec, PatchSpec

REFERENCE: Final = "one worker"
BASELINE: Final = "dense DiLoCo"
# So many tokens are 201 outer steps of 5 inner steps each.
SHORT_ROUNDS: Final = 67
# 75 outer steps of 5 inner steps each.
CONTINUED_ROUNDS: Final = 25


@dataclass(frozen=True)
class Experiment:
    """Attributes:
    question: what its numbers answer.
    references: names of arms that all are compared with, the first one first.
    rounds, seeds: as many as it takes where nothing else is asked for.
    """

    question: str
    references: tuple[str, ...]
    arms: tuple[Arm, ...]
    rounds: int = 200
    seeds: int = 1

    @property
    def begins(self) -> Begins:
        """With which weights all its arms begin."""
        found: set[Begins] = {arm.begins for arm in self.arms}
        (one,) = found
        return one


def _with(arm: Arm, name: str, **changes: object) -> Arm:
    return msgspec.structs.replace(arm, name=name, **changes)


def _at(arm: Arm, rate_micro: int) -> Arm:
    return msgspec.structs.replace(arm, rate_micro=rate_micro)


def _rated(arm: Arm, *rates_micro: int) -> tuple[Arm, ...]:
    return tuple(_with(arm, f"{arm.name}, {rate / 1e6:g}", rate_micro=rate) for rate in rates_micro)


ONE_WORKER: Final = Arm(name=REFERENCE, way="one worker, large batch")
SMALL_BATCH: Final = Arm(name="one worker, small batch", way="one worker, small batch")
DILOCO: Final = Arm(name=BASELINE, codec=EXACT, outer=NESTEROV, state="kept")
INT8: Final = Arm(name="int8, mean")
KEPT: Final = _with(INT8, "kept", state="kept")
FRESH: Final = _with(INT8, "fresh")
SHARED: Final = _with(INT8, "shared", state="fresh-shared-v")
MILD: Final = msgspec.structs.replace(NESTEROV, rate_micro=400_000, momentum_micro=800_000)
SHORT: Final = _with(INT8, "fresh, beta1 0, 5 inner steps", inner_steps=5, beta1_micro=0)
SHORT_OUTER: Final = msgspec.structs.replace(NESTEROV, rate_micro=700_000, momentum_micro=600_000)
LONG_OUTER: Final = msgspec.structs.replace(NESTEROV, rate_micro=700_000, momentum_micro=800_000)
# What the rates came to: without an inner first moment, which 5 inner steps only start, and with an outer one.
BEST_WORKER: Final = _at(ONE_WORKER, 1_500)
FRESH_STATE: Final = _with(SHORT, "int8, fresh", rate_micro=1_000, outer=LONG_OUTER)
OURS: Final = _with(FRESH_STATE, "int8, shared", state="fresh-shared-v")
BEST_DILOCO: Final = _with(DILOCO, BASELINE, rate_micro=1_500)
INT4: Final = _with(
    OURS,
    "int4",
    codec=CodecSpec("int4", "decay", decay_micro=950_000),
    outer=with_patch(LONG_OUTER, PatchSpec("int4")),
)
TOPK: Final = _with(
    OURS, "topk 128, patch 512", codec=topk(128), outer=with_patch(LONG_OUTER, PatchSpec("topk", kept=512))
)
# What `run create` picked for several contributors before any of this was measured: rounds of one full assignment, for
# fewer would not give 200 of them, and a grace of 30 s beside assignments of 300 s.
UNMEASURED: Final = Arm(
    name="30 inner steps, fresh, never waits",
    rate_micro=1_000,
    outer=with_patch(NESTEROV, PatchSpec("int4")),
    inner_steps=30,
    wait_micro=0,
    target_steps=30,
    grace_micro=100_000,
)
FOUR_BITS: Final = PatchSpec("int4")
SMALL_PATCH: Final = _with(OURS, "int8 up, int4 down", outer=with_patch(LONG_OUTER, FOUR_BITS))
SPREAD: Final = (4_000, 1_000, 500, 250)

ROUNDED: Final = msgspec.structs.replace(LONG_OUTER, keyframe_type="bf16")
# What `run create` picks for several contributors to a small model, but for how long they wait.
CREATED: Final = _with(OURS, "as run create picks", outer=with_patch(ROUNDED, FOUR_BITS))
WEAK_MOMENTUM: Final = msgspec.structs.replace(NESTEROV, momentum_micro=500_000)
MIDDLE_MOMENTUM: Final = msgspec.structs.replace(NESTEROV, momentum_micro=700_000)

DENSER_DOWN: Final = _with(TOPK, "topk 128", outer=with_patch(LONG_OUTER, FOUR_BITS))
# Error feedback spreads what an update says over later ones, which is a momentum of its own.
SPARSE: Final = _with(
    DENSER_DOWN, "topk 128, 0.7/0.5, 0.002", outer=with_patch(WEAK_MOMENTUM, FOUR_BITS), rate_micro=2_000
)
SPARSE_LONG: Final = _with(
    DENSER_DOWN,
    "topk 128, mean, 15 inner steps, beta1 0.9, 0.0015",
    outer=with_patch(MEAN, FOUR_BITS),
    inner_steps=15,
    beta1_micro=900_000,
    rate_micro=1_500,
)
# Models too large for an update every five inner steps.
LONG: Final = _with(OURS, "30 inner steps", inner_steps=30)

LONG_SPARSE: Final = _with(SPARSE, "30 inner steps, topk 128", inner_steps=30, rate_micro=1_000)

# What `run create` picked above 50 million parameters before this was measured.
UNMEASURED_SPARSE: Final = _with(
    LONG,
    "30 inner steps, topk 64, patch 512, mean, beta1 0.9",
    codec=topk(64),
    outer=with_patch(MEAN, PatchSpec("topk", 512)),
    beta1_micro=900_000,
)

BRIEF: Final = _with(CREATED, "four contributors, an assignment of each", sized_by="rounds")
BRIEF_TWO: Final = _with(BRIEF, "two contributors, an assignment of each", speeds_milli=(1_000, 1_000))

# At what large models are usually trained on at, three times and ten times that; two thirds of it for contributors.
CONTINUED: Final = (
    *_rated(_with(ONE_WORKER, REFERENCE, begins="trained weights"), 100, 300, 1_000),
    *_rated(_with(CREATED, "contributors", begins="trained weights"), 67, 200, 667),
)
ADAPTER: Final = (
    *_rated(_with(ONE_WORKER, REFERENCE, begins="adapter"), 300, 900, 3_000),
    *_rated(_with(CREATED, "contributors", begins="adapter"), 200, 600, 2_000),
)

EXPERIMENTS: Final[dict[str, Experiment]] = {
    "rates": Experiment(
        "Which learning rate is best for which way of training?",
        ("one worker, 0.0015",),
        (
            *_rated(ONE_WORKER, 3_000, 1_500),
            *_rated(SHARED, 1_500, 3_000),
            *_rated(KEPT, 1_500, 3_000),
            *_rated(DILOCO, 750),
            *_rated(_with(FRESH, "fresh, 0.4/0.8", outer=MILD), 750),
            *_rated(_with(FRESH, "fresh, beta1 0", beta1_micro=0), 1_500),
            *_rated(_with(SHARED, "shared, beta1 0", beta1_micro=0), 1_500),
            *_rated(_with(KEPT, "kept, 5 inner steps", inner_steps=5), 3_000),
            *_rated(_with(SHARED, "shared, beta1 0, 5 inner steps", beta1_micro=0, inner_steps=5), 3_000),
            *_rated(KEPT, 6_000),
            *_rated(
                _with(SHORT, "shared, beta1 0, 0.7/0.6, 5 inner steps", state="fresh-shared-v", outer=SHORT_OUTER),
                1_500,
            ),
            *_rated(_with(SHORT, "fresh, beta1 0, 0.7/0.6, 5 inner steps", outer=SHORT_OUTER), 1_500),
            *_rated(_with(SHORT, "fresh, beta1 0, 0.7/0.8, 5 inner steps", outer=LONG_OUTER), 750, 1_250),
            *_rated(_with(FRESH, "fresh, beta1 0, 0.7/0.6", beta1_micro=0, outer=SHORT_OUTER), 750),
            *_rated(_with(SHORT, "fresh, beta1 0, 0.7/0.9, 5 inner steps", outer=NESTEROV), 500),
            *_rated(_with(DILOCO, "dense DiLoCo, 5 inner steps", inner_steps=5), 500),
            *_rated(DILOCO, 375, 1_500),
            *_rated(SMALL_BATCH, 1_500),
        ),
        rounds=50,
    ),
    "parity": Experiment(
        "Does training by contributors reach the loss of one worker at equal tokens?",
        (REFERENCE, BASELINE),
        (BEST_WORKER, OURS, CREATED, SPARSE, BEST_DILOCO),
        seeds=3,
    ),
    "baselines": Experiment(
        "How do other ways of training with the same tokens do?",
        (REFERENCE, BASELINE),
        (
            BEST_WORKER,
            OURS,
            BEST_DILOCO,
            FRESH_STATE,
            _with(FRESH_STATE, "int8, fresh, falling rate", decay_micro=1_000_000),
            _at(SMALL_BATCH, 1_500),
            _with(OURS, "15 inner steps", inner_steps=15),
            LONG,
        ),
    ),
    "ablation": Experiment(
        "What do waiting, codecs, patches and the optimiser's state cost?",
        (OURS.name,),
        (
            OURS,
            _with(OURS, "never waits", wait_micro=0),
            _with(OURS, "never waits, 0.7/0.5", wait_micro=0, outer=WEAK_MOMENTUM),
            TOPK,
            FRESH_STATE,
            _with(OURS, "weights rounded to bf16 at keyframes", outer=ROUNDED),
            _with(OURS, "patch 512", outer=with_patch(LONG_OUTER, PatchSpec("topk", kept=512))),
            _with(OURS, "patch 128", outer=with_patch(LONG_OUTER, PatchSpec("topk", kept=128))),
            _with(TOPK, "topk 128, patch 512 after 50 dense versions", dense_versions=50),
            INT4,
            _with(FRESH_STATE, "Muon, 0.001", muon_momentum_micro=900_000),
            _with(FRESH_STATE, "Muon, 0.002", muon_momentum_micro=900_000, rate_micro=2_000),
            _with(FRESH_STATE, "Muon, 0.004", muon_momentum_micro=900_000, rate_micro=4_000),
            _with(FRESH_STATE, "Muon, 0.008", muon_momentum_micro=900_000, rate_micro=8_000),
        ),
        rounds=SHORT_ROUNDS,
    ),
    "profile": Experiment(
        "Which defaults make several contributors' run good?",
        (OURS.name,),
        (
            OURS,
            UNMEASURED,
            SMALL_PATCH,
            _with(OURS, "15 inner steps", inner_steps=15),
            LONG,
        ),
        rounds=SHORT_ROUNDS,
    ),
    "brief": Experiment(
        "How much should a round of a short run wait for?",
        (BRIEF.name,),
        (
            BRIEF,
            _with(BRIEF, "four contributors, a 200th of the tokens", target_steps=6),
            BRIEF_TWO,
            _with(BRIEF_TWO, "two contributors, one assignment", target_steps=5),
        ),
        rounds=20,
    ),
    "churn": Experiment(
        "What does it cost when 30 % of the contributors are killed in every round?",
        (OURS.name,),
        (
            OURS,
            _with(OURS, "30 % of assignments killed", killed_micro=300_000),
            _with(OURS, "computers killed", killed_a_round_micro=300_000),
            _with(OURS, "computers killed, two assignments a round", killed_a_round_micro=300_000, target_steps=40),
            _with(
                OURS, "computers killed, 3 inner steps", killed_a_round_micro=300_000, inner_steps=3, target_steps=20
            ),
            _with(OURS, "workers killed", killed_a_round_micro=300_000, killed="worker"),
        ),
        rounds=SHORT_ROUNDS,
    ),
    "spread": Experiment(
        "Does a spread of speeds of 16 to 1 cost anything?",
        (OURS.name,),
        (
            OURS,
            _with(OURS, "16 to 1, assignments of equal time", speeds_milli=SPREAD),
            _with(OURS, "16 to 1, sized by rounds", speeds_milli=SPREAD, target_steps=20, sized_by="rounds"),
        ),
        rounds=SHORT_ROUNDS,
    ),
    "sparse": Experiment(
        "With which settings are sparse updates good?",
        (OURS.name,),
        (
            OURS,
            TOPK,
            DENSER_DOWN,
            _with(DENSER_DOWN, "topk 128, nothing forgotten", codec=CodecSpec("topk", "decay", 128, 1_000_000)),
            _with(DENSER_DOWN, "topk 256", codec=topk(256)),
            _with(DENSER_DOWN, "topk 512", codec=topk(512)),
            SPARSE_LONG,
            SPARSE,
            _with(SPARSE, "topk 64, 0.7/0.5, 0.002", codec=topk(64)),
            _with(
                SPARSE, "topk 128, patch 512, 0.7/0.5, 0.002", outer=with_patch(WEAK_MOMENTUM, PatchSpec("topk", 512))
            ),
            _with(SPARSE, "int8, 0.7/0.5, 0.002", codec=DENSE),
        ),
        rounds=SHORT_ROUNDS,
    ),
    "long": Experiment(
        "What do long assignments and sparse updates cost, which larger models need?",
        (REFERENCE, LONG.name),
        (
            BEST_WORKER,
            LONG,
            _with(SPARSE, "30 inner steps, topk 128, 0.7/0.5, 0.002", inner_steps=30),
            _with(SPARSE, "30 inner steps, int8, 0.7/0.5, 0.002", inner_steps=30, codec=DENSE),
            _with(LONG_SPARSE, "30 inner steps, topk 128, 0.7/0.5, 0.001"),
            _with(LONG_SPARSE, "30 inner steps, topk 128, 0.7/0.5, beta1 0.9, 0.001", beta1_micro=900_000),
            _with(
                LONG_SPARSE, "30 inner steps, topk 128, 0.7/0.7, 0.001", outer=with_patch(MIDDLE_MOMENTUM, FOUR_BITS)
            ),
            _with(LONG_SPARSE, "30 inner steps, topk 512, 0.7/0.5, 0.001", codec=topk(512)),
            _with(LONG_SPARSE, "15 inner steps, topk 128, 0.7/0.5, 0.0015", inner_steps=15, rate_micro=1_500),
            UNMEASURED_SPARSE,
            _with(
                UNMEASURED_SPARSE,
                "30 inner steps, topk 64, patch 512, 0.7/0.5",
                outer=with_patch(WEAK_MOMENTUM, PatchSpec("topk", 512)),
                beta1_micro=0,
            ),
        ),
    ),
    "joiner": Experiment(
        "Does a contributor who joins in the middle disturb?",
        (OURS.name,),
        (OURS, _with(OURS, "the fourth joins at round 100", joins_at_round=100)),
        rounds=SHORT_ROUNDS,
    ),
    "continued": Experiment(
        "At which rates do contributors go on with trained weights on another text?",
        (CONTINUED[1].name,),
        CONTINUED,
        rounds=CONTINUED_ROUNDS,
    ),
    "adapter": Experiment(
        "At which rates do contributors train an adapter on trained weights for another text?",
        (ADAPTER[1].name,),
        ADAPTER,
        rounds=CONTINUED_ROUNDS,
    ),
}
