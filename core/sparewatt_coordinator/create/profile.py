"""Ready-made sizes and schedules of runs."""

from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from sparewatt.errors import InputError
from sparewatt.work.manifest import CodecSpec, InnerSpec, OptimiserSpec, OuterSpec, RoundSpec
from sparewatt.work.model import ModelSpec, parameter_count

SizeName = Literal["try", "tiny", "small", "medium", "large"]

# (hidden, intermediate, layers, heads, context, peak rate in 1e-9). Each `large` step is about four times the one
# before; `try` is what two ordinary cores train 30 inner steps of in 5 to 8 s.
_SIZES: Final[dict[SizeName, tuple[int, int, int, int, int, int]]] = {
    "try": (160, 448, 4, 4, 256, 1_000_000),
    "tiny": (256, 688, 6, 4, 512, 2_000_000),
    "small": (512, 1_376, 8, 8, 1_024, 1_000_000),
    "medium": (768, 2_048, 12, 12, 1_024, 600_000),
    "large": (1_024, 2_752, 24, 16, 1_024, 300_000),
}
SIZES: Final = tuple(_SIZES)
_MOST_TOKENS_PER_SECOND: Final = 2_000_000
_TOKENS_PER_PARAMETER: Final = 20
OUTER_STEPS_LEAST: Final = 200
ROUND_ASSIGNMENTS_LEAST: Final = 16
SHORT_PARAMETERS_MOST: Final = 10_000_000
_CHECKPOINT_RATE_NANO: Final = 100_000
# Up to `SHORT_PARAMETERS_MOST`.
_SMALL_CHECKPOINT_RATE_NANO: Final = 300_000
_ADAPTER_RATE_NANO: Final = 300_000
# AdamW's usual memory of gradients, where the outer step has no momentum.
INNER_MOMENTUM_MICRO: Final = 900_000


@dataclass(frozen=True)
class Stepping:
    """How a device trains, and how its updates move the model."""

    optimiser: OptimiserSpec
    outer: OuterSpec


@dataclass(frozen=True)
class Pull:
    """What decides how far one outer step goes.

    Attributes:
        rate_thirds: of the usual learning rate, which is that of one worker whose AdamW is never reset.
    """

    beta1_micro: int
    rate_thirds: int
    outer: OuterSpec


@dataclass(frozen=True)
class Rate:
    """A peak learning rate, in 1e-9: of one worker whose AdamW is never reset, or as somebody asked for it."""

    usual_nano: int
    asked_nano: int | None = None

    def peak_nano(self, thirds: int) -> int:
        """What was asked for, or so many thirds of what is usual."""
        return self.usual_nano * thirds // 3 if self.asked_nano is None else self.asked_nano


@dataclass(frozen=True)
class Profile:
    """Everything of a run but its words and its data.

    Attributes:
        sparse: what to train and step with instead where updates are sparse.
    """

    model: ModelSpec
    sequence_length: int
    optimiser: OptimiserSpec
    inner: InnerSpec
    codec: CodecSpec
    outer: OuterSpec
    rounds: RoundSpec
    sparse: Stepping

    @property
    def assignment_tokens(self) -> int:
        """Tokens of one full assignment."""
        return self.inner.inner_steps * self.inner.batch_sequences * self.sequence_length


@dataclass(frozen=True)
class Regime:
    """How contributors and rounds work on one model.

    Attributes:
        dense, sparse: by what updates are written with.
        seconds_most, wait_milliseconds: as in `RoundSpec`.
    """

    inner_steps: int
    dense: Pull
    sparse: Pull
    seconds_most: int
    wait_milliseconds: int


_PLAIN: Final = OuterSpec(rule="sgd", rate_micro=1_000_000, momentum_micro=0, staleness_most=4, keyframe_every=20)
_MOMENTUM: Final = OuterSpec(
    rule="nesterov", rate_micro=700_000, momentum_micro=800_000, staleness_most=4, keyframe_every=20
)
_LESS_MOMENTUM: Final = msgspec.structs.replace(_MOMENTUM, momentum_micro=500_000)
_MEAN: Final = Pull(INNER_MOMENTUM_MICRO, 3, _PLAIN)

ALONE: Final = Regime(30, _MEAN, _MEAN, seconds_most=300, wait_milliseconds=10_000)
"""One contributor's work is a round, so there is nothing to average."""

SHORT: Final = Regime(5, Pull(0, 2, _MOMENTUM), Pull(0, 4, _LESS_MOMENTUM), seconds_most=60, wait_milliseconds=10_000)
"""For several contributors to a small model: what came within 0.011 ± 0.011 nats per byte of one worker.

Measured at 357 thousand parameters with four contributors (docs/results.md): short assignments that share their second
moments, one momentum, in the outer step, two thirds of one worker's rate, no grace, and devices that wait for the
version with their own update. Never to wait costs 0.28. With sparse updates error feedback is a momentum, too, so less
of it and twice the rate are as good, and with the dense numbers sparse ones cost 0.15. That it suits up to ten million
parameters is a guess from what travels: at 10 Mbit/s an int8 update of those takes 8 s.
"""

LONG: Final = Regime(
    30,
    Pull(0, 2, _MOMENTUM),
    Pull(0, 2, _LESS_MOMENTUM),
    seconds_most=300,
    wait_milliseconds=30_000,
)
"""For several contributors to a larger model, whose updates travel for longer than a card computes five inner steps.

Not measured at such sizes. With a small model, after a hundred outer steps, dense updates end 0.026 behind one worker,
and sparse ones 0.096, at a fiftieth of the bytes up; after two hundred 0.064. The mean of updates whose AdamW keeps its
own momentum ended 0.012 and 0.007 behind that.
"""


def try_profile(contributors: int, seconds: float, tokens: int | None = None) -> Profile:
    """A run that one computer finishes in minutes.

    A round's target is the smallest assignment (a quarter) of each contributor, whatever their speed: so with one
    contributor every update is a round. Contributors of one computer are equally fast, so a short grace catches the
    updates of all of them, and everybody waits for the version that holds its own.

    Args:
        seconds: how long to train; the learning rate falls over the last fifth of it.
        tokens: end after so many tokens, if that comes first.
    """
    assignment = 30 * 16 * 128
    optimiser = _adamw(_SIZES["try"][5], warmup_tokens=0)
    outer: OuterSpec = msgspec.structs.replace(_PLAIN, keyframe_every=10)
    return Profile(
        model=_model("try"),
        sequence_length=128,
        optimiser=optimiser,
        inner=InnerSpec(inner_steps=30, batch_sequences=16, state="fresh"),
        codec=CodecSpec(name="int8", error_feedback="none"),
        outer=outer,
        sparse=Stepping(optimiser, outer),
        rounds=RoundSpec(
            tokens_target=contributors * assignment // 4,
            grace_milliseconds=0 if contributors == 1 else 800,
            seconds_most=8,
            next_version_wait_milliseconds=2_000,
            tokens_total=tokens if tokens is not None else max(1, round(seconds * _MOST_TOKENS_PER_SECOND)),
            seconds_total=max(1, round(seconds)),
        ),
    )


def run_profile(
    size: SizeName, contributors: int, tokens: int | None = None, seconds: int = 0, vocabulary_size: int = 256
) -> Profile:
    """A run of a named size for about `contributors` at a time.

    Args:
        tokens: planned tokens; by default 20 for each parameter (Hoffmann et al., Training compute-optimal large
            language models, 2022).
        seconds: planned duration, 0 where only tokens count.
        vocabulary_size: how many tokens there are.
    """
    model = msgspec.structs.replace(_model(size), vocabulary_size=vocabulary_size)
    sequence_length = 128 if size == "try" else model.context_length // 2
    return _profile(model, sequence_length, Rate(_SIZES[size][5]), contributors, tokens, seconds)


def checkpoint_profile(
    model: ModelSpec,
    contributors: int,
    tokens: int | None = None,
    *,
    sequence_length: int | None = None,
    peak_rate_nano: int | None = None,
) -> Profile:
    """A run that goes on with trained weights, or trains an adapter on them.

    Rates are those at which such weights are usually trained on: 1e-4, and 3e-4 for an adapter, whose weights are not
    decayed; two thirds of them where several contribute. Weights of a small model are trained on at 3e-4, too: measured
    at 357 thousand parameters on text of another kind (docs/results.md), 1e-4 was 0.162 nats per byte worse for one
    worker and two thirds of it 0.149 for four contributors.

    Args:
        tokens: planned tokens; by default 20 for each trained number, and enough for 200 outer steps.
        sequence_length: by default the model's context, 1,024 at most.

    Raises:
        InputError: ``run.form`` for sequences that are longer than the model's context.
    """
    length = sequence_length if sequence_length is not None else min(model.context_length, 1_024)
    if length > model.context_length:
        raise InputError("run.form", option="--sequence-length", allowed=f"8 … {model.context_length}")
    return _profile(model, length, Rate(_usual_rate_nano(model), peak_rate_nano), contributors, tokens, seconds=0)


def _profile(
    model: ModelSpec,
    sequence_length: int,
    rate: Rate,
    contributors: int,
    tokens: int | None,
    seconds: int,
) -> Profile:
    alone = contributors == 1
    regime = _regime(model, contributors)
    inner = InnerSpec(regime.inner_steps, batch_sequences=16, state="fresh" if alone else "fresh-shared-v")
    assignment = inner.inner_steps * inner.batch_sequences * sequence_length
    smallest = assignment // 4
    usual = _TOKENS_PER_PARAMETER * parameter_count(model)
    if model.adapter is not None:
        usual = max(usual, OUTER_STEPS_LEAST * (smallest if alone else assignment))
    total = tokens if tokens is not None else usual
    # With one contributor whatever a slow device delivers (a quarter, at least) is a round of its own.
    target = smallest if alone else _round_of_several(contributors, assignment, total)

    def stepping(pull: Pull) -> Stepping:
        decay = 0 if model.adapter is not None else 100_000
        warm = min(total // 50, 10 * target)
        return Stepping(_adamw(rate.peak_nano(pull.rate_thirds), warm, decay, pull.beta1_micro), pull.outer)

    dense = stepping(regime.dense)
    return Profile(
        model=model,
        sequence_length=sequence_length,
        optimiser=dense.optimiser,
        inner=inner,
        codec=CodecSpec(name="int8", error_feedback="none"),
        outer=dense.outer,
        sparse=stepping(regime.sparse),
        rounds=RoundSpec(
            tokens_target=target,
            grace_milliseconds=0,
            seconds_most=regime.seconds_most,
            next_version_wait_milliseconds=regime.wait_milliseconds,
            tokens_total=total,
            seconds_total=seconds,
        ),
    )


def _round_of_several(contributors: int, assignment: int, total: int) -> int:
    """Tokens of a round: an assignment of each, however few outer steps that leaves, for of less, updates are a version
    old when they come, and momentum adds up what nobody averaged. That cost 0.24 and 0.27 in short runs of two and four
    contributors (docs/results.md). Where there are many, 200 outer steps come first."""
    few = min(contributors, ROUND_ASSIGNMENTS_LEAST) * assignment
    return max(few, min(contributors * assignment, total // OUTER_STEPS_LEAST))


def _usual_rate_nano(model: ModelSpec) -> int:
    """Of one worker that goes on with trained weights."""
    if model.adapter is not None:
        return _ADAPTER_RATE_NANO
    return _SMALL_CHECKPOINT_RATE_NANO if parameter_count(model) <= SHORT_PARAMETERS_MOST else _CHECKPOINT_RATE_NANO


def _regime(model: ModelSpec, contributors: int) -> Regime:
    if contributors == 1:
        return ALONE
    return SHORT if parameter_count(model) <= SHORT_PARAMETERS_MOST else LONG


def _model(size: SizeName) -> ModelSpec:
    hidden, intermediate, layers, heads, context, _ = _SIZES[size]
    return ModelSpec(
        architecture="llama",
        vocabulary_size=256,
        hidden_size=hidden,
        intermediate_size=intermediate,
        layers=layers,
        heads=heads,
        key_value_heads=heads,
        context_length=context,
    )


def _adamw(
    peak_rate_nano: int, warmup_tokens: int, weight_decay_micro: int = 100_000, beta1_micro: int = INNER_MOMENTUM_MICRO
) -> OptimiserSpec:
    return OptimiserSpec(
        name="adamw",
        beta1_micro=beta1_micro,
        beta2_micro=950_000,
        epsilon_pico=10_000,
        weight_decay_micro=weight_decay_micro,
        clip_norm_milli=1_000,
        peak_rate_nano=peak_rate_nano,
        final_rate_micro=100_000,
        warmup_tokens=warmup_tokens,
        decay_micro=200_000,
    )
