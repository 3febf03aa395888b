"""One arm from start to end: contributors in simulated time around a coordinator."""

import heapq
import io
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from math import log1p
from typing import Final

import msgspec
import numpy as np

from benchmarks.training.arm import Arm
from benchmarks.training.coordinator import Coordinator, Sent
from benchmarks.training.lab import BATCH, SEQUENCE, Device, Lab, Trained, batch_of
from sparewatt.numeric.codec import encode_update
from sparewatt.numeric.residual import BYTES_PER_COORDINATE, MISSED_MOST, Residual
from sparewatt.numeric.weights import Floats
from sparewatt.work.manifest import InnerSpec, Manifest, RoundSpec
from sparewatt_coordinator import schedule
from sparewatt_coordinator.testing import runs

STEP_TOKENS: Final = BATCH * SEQUENCE
# Inner steps of a full assignment wherever rounds count tokens, so that arms with other assignments get as many.
ROUND_STEPS: Final = 15
# Held-out losses over an arm's course, evenly spaced in tokens.
MEASUREMENTS: Final = 12
WARM_UP_SHARE: Final = 0.02
FINAL_SHARE: Final = 0.1
# Two computers are never equally fast twice.
JITTER: Final = 0.05
SMALLEST_SHARE: Final = 4
LARGEST_FACTOR: Final = 4


class Point(msgspec.Struct, frozen=True):
    """Held-out loss after so many merged tokens and outer steps."""

    tokens: int
    version: int
    loss: float


class Outcome(msgspec.Struct, frozen=True):
    """What an arm came to.

    Attributes:
        tokens: merged into the model.
        tokens_trained: with those of killed assignments and of updates that came too late.
        bytes_up, bytes_down: payloads and patches, all contributors together.
        staleness_mean: of merged updates, in rounds.
        busy_share: of the contributors' simulated time, spent training.
        seconds: of this computer's time.
    """

    arm: str
    seed: int
    loss: float
    tokens: int
    tokens_trained: int
    versions: int
    updates: int
    bytes_up: int
    bytes_down: int
    staleness_mean: float
    busy_share: float
    seconds: float
    points: tuple[Point, ...]


def tokens_of(arm: Arm, rounds: int) -> int:
    """What so many outer steps are worth, with a full assignment of each contributor in one."""
    return rounds * ROUND_STEPS * STEP_TOKENS * len(arm.speeds_milli)


def rate_at(arm: Arm, progress: float) -> float:
    """Learning rate: a short linear warm-up, constant, and a linear fall at the end."""
    decay = arm.decay_micro * 1e-6
    warm = min(1.0, progress / WARM_UP_SHARE + 0.02)
    into = max(0.0, (progress - (1 - decay)) / decay)
    return arm.rate_micro * 1e-6 * min(warm, 1 - (1 - FINAL_SHARE) * min(1.0, into))


def steps_of(arm: Arm, speed: float) -> int:
    """Inner steps that take a contributor of this speed as long as `arm.inner_steps` take the first one, between a
    quarter and four times as many."""
    least = -(-arm.inner_steps // SMALLEST_SHARE)
    return max(least, min(round(arm.inner_steps * speed), LARGEST_FACTOR * arm.inner_steps))


@dataclass
class _Contributor:
    number: int
    speed: float
    device: Device = field(default_factory=Device)
    steps: int = 0
    awaited: int = 0
    busy: float = 0.0


@dataclass(frozen=True)
class _Range:
    first: int
    steps: int


@dataclass(frozen=True)
class _Fate:
    """How an assignment ends.

    Attributes:
        steps: completed inner steps.
        lost: nothing of them comes back.
        begun: of one more inner step, the share that was done in vain.
    """

    steps: int
    lost: bool = False
    begun: float = 0.0


class Simulation:
    """Trains one arm for a number of tokens.

    Args:
        tokens_total: of all contributors together.
        seed: of speeds' jitter, stops and kills.
    """

    def __init__(self, arm: Arm, lab: Lab, tokens_total: int, seed: int) -> None:
        self._arm = arm
        self._lab = lab
        self._total = tokens_total
        self._seed = seed
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._contributors = [_Contributor(number, speed / 1000) for number, speed in enumerate(arm.speeds_milli)]
        grace = round(arm.grace_micro * arm.inner_steps / 1000)
        target = self._tokens_target()
        self._round_lasts = target / STEP_TOKENS / sum(each.speed for each in self._contributors)
        rounds = RoundSpec(target, grace, 10**6, 0, tokens_total, 0)
        self._grace = grace / 1000
        self._manifest = _manifest(arm, rounds)
        self._coordinator = Coordinator(arm, lab.start, rounds)
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._waiting: list[_Contributor] = []
        self._gaps: deque[_Range] = deque()
        self._cursor = self._handed = self._number = 0
        self._trained = self._bytes_up = self._updates = 0
        self._points: list[Point] = []

    def run(self) -> Outcome:
        """The whole arm."""
        began = time.monotonic()
        for contributor in self._contributors:
            last = contributor is self._contributors[-1]
            delay = float(self._arm.joins_at_round * self._arm.inner_steps) if last else 0.0
            self._at(delay, partial(self._start, contributor))
        now = 0.0
        while self._events:
            now, _, act = heapq.heappop(self._events)
            act(now)
        self._coordinator.end(round(now * 1000))
        self._measure()
        return self._outcome(now, time.monotonic() - began)

    def _tokens_target(self) -> int:
        usual = sum(steps_of(self._arm, each.speed) for each in self._contributors)
        return (self._arm.target_steps or usual) * STEP_TOKENS

    def _at(self, moment: float, act: Callable[[float], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (moment, self._number, act))

    def _start(self, who: _Contributor, now: float) -> None:
        """Take an assignment and train it from the newest version; what comes of it arrives when its time is over."""
        if self._handed >= self._total:
            return
        arm, taken = self._arm, self._take(self._size(who))
        fate = self._fate(who, taken.steps)
        done = fate.steps
        progress = self._handed / self._total
        self._handed += taken.steps * STEP_TOKENS
        first = rate_at(arm, progress) * arm.ramp_micro * 1e-6
        rates = first, rate_at(arm, min(1.0, self._handed / self._total))
        base, weights = self._coordinator.version, self._coordinator.weights
        if arm.state == "fresh-shared-v":
            who.device.moments = self._coordinator.moments
        lasts = (done + fate.begun) / who.speed * (1 + JITTER * (2 * self._random.random() - 1))
        who.busy += lasts
        self._trained += round((done + fate.begun) * STEP_TOKENS)
        if done < taken.steps:
            self._handed -= (taken.steps - done) * STEP_TOKENS
            self._gaps.append(_Range(taken.first + done * BATCH, taken.steps - done))
        if fate.lost:
            self._handed -= done * STEP_TOKENS
            if done:
                self._gaps.append(_Range(taken.first, done))
            who.device = Device()
            self._at(now + lasts, partial(self._start, who))
            return
        trained = self._lab.train(who.device, weights, taken.first, done, rates, arm)
        sent = self._encoded(who, weights, trained, base)
        self._at(now + lasts, partial(self._arrive, who, sent))

    def _size(self, who: _Contributor) -> int:
        """Inner steps of the next assignment."""
        if self._arm.sized_by == "time":
            who.steps = steps_of(self._arm, who.speed)
        else:
            lasts = self._coordinator.round_lasts_milliseconds
            sized = schedule.size(self._manifest, round(who.speed * STEP_TOKENS), lasts)
            assert isinstance(sized, schedule.Sized), "T is as long as it takes here"
            who.steps = sized.inner_steps
        return who.steps

    def _take(self, steps: int) -> _Range:
        """What an earlier assignment left, before anything new."""
        if self._gaps:
            gap = self._gaps.popleft()
            if gap.steps > steps:
                self._gaps.appendleft(_Range(gap.first + steps * BATCH, gap.steps - steps))
            return _Range(gap.first, min(steps, gap.steps))
        taken = _Range(self._cursor, steps)
        self._cursor += steps * BATCH
        return taken

    def _fate(self, who: _Contributor, steps: int) -> _Fate:
        draw = self._random.random() * 1e6
        if draw < self._arm.killed_micro:
            return _Fate(max(1, int(self._random.random() * steps)), lost=True)
        if draw < self._arm.killed_micro + self._arm.stopped_micro and steps > 1:
            return _Fate(int(self._random.integers(1, steps)))
        if self._arm.killed_a_round_micro:
            # Every instant is equally dangerous: the time until a kill has an exponential distribution.
            danger = -log1p(-self._arm.killed_a_round_micro * 1e-6) / self._round_lasts
            lives = self._random.exponential(who.speed / danger)
            if lives < steps:
                done = int(lives)
                return _Fate(done, lost=done == 0 or self._arm.killed == "computer", begun=lives - done)
        return _Fate(steps)

    def _encoded(self, who: _Contributor, weights: np.ndarray, trained: Trained, base: int) -> Sent:
        codec, device = self._arm.codec_from(base), who.device
        residual = None
        if codec.error_feedback == "decay":
            missed = max(1, base - device.residual_base)
            if not device.residual or missed > MISSED_MOST:
                device.residual = bytearray(BYTES_PER_COORDINATE * len(weights))
            residual = Residual(device.residual, len(weights), codec.decay_micro, missed)
            device.residual_base = base
        sink = io.BytesIO()
        encode_update(weights, trained.weights, codec, sink, residual)
        moments = device.moments if self._arm.state == "fresh-shared-v" else None
        return Sent(sink.getvalue(), trained.tokens, base, moments)

    def _arrive(self, who: _Contributor, sent: Sent, now: float) -> None:
        self._bytes_up += len(sent.payload)
        self._updates += 1
        who.awaited = self._coordinator.round
        self._waiting.append(who)
        lasts = who.steps / who.speed
        self._at(now + lasts * self._arm.wait_micro * 1e-6, partial(self._release, who))
        if self._coordinator.accept(sent, round(now * 1000)):
            self._published(now)
        elif self._grace:
            self._at(now + self._grace, self._look)

    def _look(self, now: float) -> None:
        """Whether a round's grace is over; asked once for every update that may have begun it."""
        if self._coordinator.look(round(now * 1000)):
            self._published(now)

    def _published(self, now: float) -> None:
        if self._coordinator.merged_tokens * MEASUREMENTS >= self._total * (len(self._points) + 1):
            self._measure()
        for each in [each for each in self._waiting if each.awaited <= self._coordinator.version]:
            self._release(each, now)

    def _release(self, who: _Contributor, now: float) -> None:
        if who in self._waiting:
            self._waiting.remove(who)
            self._start(who, now)

    def _measure(self) -> None:
        coordinator = self._coordinator
        if not self._points or self._points[-1].version != coordinator.version:
            loss = self._lab.loss(coordinator.weights)
            self._points.append(Point(coordinator.merged_tokens, coordinator.version, loss))

    def _outcome(self, simulated: float, seconds: float) -> Outcome:
        found = self._coordinator
        return Outcome(
            arm=self._arm.name,
            seed=self._seed,
            loss=self._points[-1].loss,
            tokens=found.merged_tokens,
            tokens_trained=self._trained,
            versions=found.version,
            updates=self._updates,
            bytes_up=self._bytes_up,
            bytes_down=found.patch_bytes * len(self._contributors),
            staleness_mean=found.staleness_rounds / max(1, found.merged_updates),
            busy_share=sum(each.busy for each in self._contributors) / (simulated * len(self._contributors)),
            seconds=seconds,
            points=tuple(self._points),
        )


def _manifest(arm: Arm, rounds: RoundSpec) -> Manifest:
    """What decides how large assignments are; a second is the time of an inner step at speed 1."""
    plain = runs.manifest(rounds=rounds)
    return msgspec.structs.replace(
        plain,
        data=msgspec.structs.replace(plain.data, sequence_length=SEQUENCE),
        inner=InnerSpec(arm.inner_steps, BATCH, arm.state),
        outer=arm.outer,
    )


def train_alone(arm: Arm, lab: Lab, tokens_total: int, seed: int) -> Outcome:
    """The references: one worker, whose optimiser state is never lost. With the large batch it does what data-parallel
    training does, where each contributor would send and receive all gradients, 4 bytes a trained number, at every inner
    step; with the small batch nobody could share the work, so no bytes are counted."""
    began = time.monotonic()
    points = list[Point]()
    batch = batch_of(arm)
    steps_total = tokens_total // (batch * SEQUENCE)
    steps = tokens = 0
    for steps, weights in alone(arm, lab, steps_total):
        tokens = steps * batch * SEQUENCE
        if tokens * MEASUREMENTS >= tokens_total * (len(points) + 1) or steps == steps_total:
            points.append(Point(tokens, steps, lab.loss(weights)))
    sharing = batch // BATCH
    gradient_bytes = 4 * len(lab.start) * sharing * steps if sharing > 1 else 0
    seconds = time.monotonic() - began
    return Outcome(
        arm.name, seed, points[-1].loss, tokens, tokens, steps, steps * sharing, gradient_bytes, gradient_bytes, 0.0,
        1.0, seconds, tuple(points),
    )  # fmt: skip


def alone(arm: Arm, lab: Lab, steps_total: int) -> Iterator[tuple[int, Floats]]:
    """One worker's inner steps so far and its weights, whenever contributors would have ended an assignment."""
    device, weights, steps = Device(), lab.start, 0
    while steps < steps_total:
        taken = min(arm.inner_steps, steps_total - steps)
        rates = rate_at(arm, steps / steps_total), rate_at(arm, (steps + taken) / steps_total)
        weights = lab.train(device, weights, steps * batch_of(arm), taken, rates, arm).weights
        steps += taken
        yield steps, weights
