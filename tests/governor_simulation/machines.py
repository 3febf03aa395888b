"""A machine: a card, its person's limits, and all that happens to it in half an hour."""

import math
import random
from dataclasses import dataclass, replace
from typing import Final, Literal

from sparewatt.testing.card import CardSpec

MINUTES: Final = 30.0
# Everything odd is over by then, so that the last ten minutes show whether work goes on again.
QUIET_FROM_S: Final = 1200.0

Kind = Literal[
    "game", "video", "ambient", "cap", "no_work", "hold", "stop", "work", "silence", "no_power", "no_temperature",
    "nonsense", "frozen", "counter_reset", "engine_hang", "sleep",
]  # fmt: skip
FAULTS: Final[tuple[Kind, ...]] = (
    "silence", "no_power", "no_temperature", "nonsense", "frozen", "counter_reset", "engine_hang", "sleep",
)  # fmt: skip


@dataclass(frozen=True)
class Happening:
    """Something from `start` to `end` (seconds).

    Attributes:
        value: watts of a game or video, kelvins of a step of the ambient temperature, watts of a new cap, factor of
            the work's power, a nonsense reading.
    """

    kind: Kind
    start: float
    end: float
    value: float = 0.0


@dataclass(frozen=True)
class Machine:
    """Attributes:
    cap_watts, limit_celsius, speed_percent: the person's limits.
    limit_known: whether the driver tells the device's own power limit.
    """

    seed: int
    spec: CardSpec
    ambient: float
    cap_watts: int | None
    limit_celsius: int
    speed_percent: int
    limit_known: bool
    happenings: tuple[Happening, ...]
    minutes: float = MINUTES


def machine(seed: int) -> Machine:
    """The machine of this number."""
    rng = random.Random(seed)
    full = math.exp(rng.uniform(math.log(60.0), math.log(600.0)))
    rest = full * rng.uniform(0.03, 0.12)
    gap = rest + full * rng.choice((0.0, rng.uniform(0.0, 0.12), rng.uniform(0.1, 0.3)))
    spec = CardSpec(
        rest_watts=rest,
        gap_watts=gap,
        full_watts=full,
        die_kelvin=rng.uniform(8.0, 25.0),
        sink_kelvin=rng.uniform(18.0, 60.0),
        die_s=rng.uniform(2.0, 5.0),
        sink_s=rng.uniform(60.0, 180.0),
        slowdown_celsius=rng.uniform(83.0, 100.0),
        micro_batch_s=math.exp(rng.uniform(math.log(0.02), 0.0)),
        sensor=rng.choices(("energy", "average", "instant", "quarter", "none"), (38, 20, 12, 20, 10))[0],
        counter_step_s=rng.choice((0.001, 0.02, 0.1)),
        whole_degrees=rng.choices((True, False, None), (75, 15, 10))[0],
        has_margin=rng.random() < 0.5,
    )
    cap = rng.choices((None, rng.uniform(0.25, 1.1) * full, rng.uniform(0.7, 1.3) * gap), (12, 80, 8))[0]
    return Machine(
        seed=seed,
        spec=spec,
        ambient=rng.uniform(12.0, 32.0),
        cap_watts=None if cap is None else max(math.ceil(1.15 * rest), round(cap)),
        limit_celsius=round(rng.choice((75.0, rng.uniform(50.0, 90.0)))),
        speed_percent=rng.choices((100, rng.randint(10, 99)), (70, 30))[0],
        limit_known=rng.random() < 0.5,
        happenings=_happenings(rng, full, rest, cap),
    )


def _happenings(rng: random.Random, full: float, rest: float, cap: float | None) -> tuple[Happening, ...]:
    found: list[Happening] = []

    def during(kind: Kind, longest: float, value: float = 0.0, shortest: float = 1.0) -> None:
        start = rng.uniform(5.0, QUIET_FROM_S - longest)
        found.append(Happening(kind, start, start + rng.uniform(shortest, longest), value))

    if rng.random() < 0.3:
        during("game", 400.0, min(300.0, 1.2 * full), 60.0)
    if rng.random() < 0.2:
        during("video", 600.0, rng.uniform(5.0, 0.2 * full), 60.0)
    if rng.random() < 0.4:
        start = rng.uniform(5.0, QUIET_FROM_S)
        found.append(Happening("ambient", start, math.inf, rng.uniform(-12.0, 12.0)))
    if cap is not None and rng.random() < 0.3:
        start = rng.uniform(100.0, QUIET_FROM_S)
        found.append(
            Happening("cap", start, math.inf, float(max(math.ceil(1.15 * rest), round(cap * rng.uniform(0.6, 1.5)))))
        )
    for _ in range(rng.choice((0, 0, 1, 3, 8))):
        during("no_work", 90.0)
    for _ in range(rng.choice((0, 0, 1, 2))):
        during(rng.choice(("hold", "stop")), 150.0)
    changes = range(0, 1800, rng.choice((20, 60, 1800)))
    found += [Happening("work", float(start), math.inf, rng.uniform(0.85, 1.15)) for start in changes]
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        kind = rng.choice(FAULTS)
        during(kind, 60.0, rng.choice((0.0, -5.0, 1e6, math.nan)))
    return tuple(sorted(found, key=lambda happening: happening.start))


def without(subject: Machine, *kinds: Kind) -> Machine:
    """The machine without some of what happens to it."""
    return replace(subject, happenings=tuple(each for each in subject.happenings if each.kind not in kinds))
