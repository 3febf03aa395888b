"""Contributors that come, train, leave and return, in virtual time around the shipped round code."""

import heapq
import random
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from benchmarks.scale.costs import patch_bytes, update_bytes
from benchmarks.scale.population import (
    AWAY_FACTOR,
    DOWNLINK,
    SWITCHED_OFF_SHARE,
    UPLINK,
    Contributor,
    away_s,
    contributor,
    session_s,
)
from benchmarks.scale.run_side import Held, RunSide
from sparewatt.work.manifest import Manifest
from sparewatt_coordinator import schedule
from sparewatt_coordinator.create.profile import run_profile
from sparewatt_coordinator.store.base import NoWork
from sparewatt_coordinator.store.decide import SOON_S
from sparewatt_coordinator.testing import runs

TOKENS_A_PARAMETER: Final = 20
SHARDS: Final = 256
# The conductor looks this often while a round gathers; finer steps change nothing of a round that lasts minutes.
LOOK_MS: Final = 1_000

Kind = Literal["come", "ask", "done", "leave", "arrived", "expired"]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a simulation found.

    Attributes:
        hours: virtual, until the run's plan was fulfilled or the time was over.
        utilisation: share of the device time that was lent which went into merged updates.
        goodput: merged tokens over trained tokens.
        staleness: merged updates by how many rounds old their base was.
        tokens_spread: merged tokens of a contributor that had at least one update merged: tenth, half, nine tenths.
        late_tokens: trained, credited, and not merged.
        lost_tokens: trained on devices that were switched off without a word.
        gap_tokens, gap_tokens_left: given back, and not handed out again yet.
        waits_s: how long rounds waited for the merge before them: half and worst.
        merging_share: of the time in which the aggregator merged.
        surplus_share: of the lent device time in which a device had no work.
        too_slow: contributors for whom a quarter of an assignment takes too long.
    """

    contributors: int
    parameters: int
    seed: int
    hours: float
    ended: bool
    utilisation: float
    goodput: float
    outer_steps: int
    staleness: dict[int, int]
    tokens_spread: tuple[int, int, int]
    merged_tokens: int
    late_tokens: int
    lost_tokens: int
    gap_tokens: int
    gap_tokens_left: int
    waits_s: tuple[float, float]
    merging_share: float
    devices_there: float
    surplus_share: float
    too_slow: int


@dataclass
class _Device:
    what: Contributor
    there_since: int | None = None
    leaves: int = 0
    held: Held | None = None
    begun: int = 0
    base: int = 0
    version_given: int = -1
    given: int = 0
    idle_since: int | None = None
    merged_tokens: int = 0
    too_slow: bool = False


def manifest_for(contributors: int, parameters: int, sequences: int) -> Manifest:
    """A run of `parameters` for so many at a time, by the profile of an organiser who asks for a large one."""
    profile = run_profile("large", contributors, tokens=TOKENS_A_PARAMETER * parameters)
    tokens = sequences * profile.sequence_length
    plain = runs.manifest((tokens,), profile.rounds)
    data = msgspec.structs.replace(plain.data, sequence_length=profile.sequence_length, tokens=tokens)
    return msgspec.structs.replace(
        plain, model=profile.model, data=data, inner=profile.inner, outer=profile.outer, optimiser=profile.optimiser
    )


class Course:
    """One simulation; `run` once."""

    def __init__(self, contributors: int, parameters: int, hours: float, seed: int) -> None:
        self._rng = random.Random(seed)  # noqa: S311
        self._seed = seed
        self._parameters = parameters
        self._until = round(hours * 3_600_000)
        there = max(1, round(contributors / (1.0 + AWAY_FACTOR)))
        sequences = -(-TOKENS_A_PARAMETER * parameters // (SHARDS * 512))
        self._manifest = manifest_for(there, parameters, sequences * SHARDS)
        each = sequences * self._manifest.data.sequence_length
        self._side = RunSide(self._manifest, parameters, (each,) * SHARDS, seed)
        self._devices = [_Device(contributor(self._rng, parameters)) for _ in range(contributors)]
        self._step_tokens = schedule.step_tokens(self._manifest)
        self._up_ms = round(1000 * update_bytes(parameters) / UPLINK)
        self._down_ms = round(1000 * patch_bytes(parameters) / DOWNLINK)
        self._events: list[tuple[int, int, Kind, int, Held | None, int]] = []
        self._count = 0
        self._live = 0
        self._lent_ms = self._idle_ms = self._merged_ms = 0.0
        self._trained = self._lost = 0
        self._waiting: dict[int, None] = {}

    def run(self) -> Outcome:
        """Live through it."""
        for number in range(len(self._devices)):
            # A third of them are there when it begins; the others come later.
            there = self._rng.random() * (1.0 + AWAY_FACTOR) <= 1.0
            self._at(0 if there else round(1000 * away_s(self._rng)), "come", number)
        now, look = 0, 0
        while now < self._until and not self._side.ended:
            if self._events and self._events[0][0] <= look:
                now, _, kind, number, held, steps = heapq.heappop(self._events)
                self._happens(kind, number, held, steps, now)
                continue
            now = look
            before = self._side.version.number
            self._side.time_passes(self._live, now)
            if self._side.version.number != before:
                self._wake(now)
            look += LOOK_MS
        return self._outcome(now)

    def _at(self, when: int, kind: Kind, number: int, held: Held | None = None, steps: int = 0) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, kind, number, held, steps))

    def _happens(self, kind: Kind, number: int, held: Held | None, steps: int, now: int) -> None:
        device = self._devices[number]
        match kind:
            case "come":
                device.there_since = device.idle_since = now
                device.leaves = now + max(1_000, round(1000 * session_s(self._rng)))
                self._at(device.leaves, "leave", number)
                self._ask(number, device, now)
            case "ask" if device.there_since is not None and device.held is None:
                self._ask(number, device, now)
            case "done" if device.held is held and held is not None:
                device.held = None
                device.idle_since = now
                self._send(number, held, held.row.assignment.inner_steps, now)
                self._ask(number, device, now)
            case "leave":
                self._leave(number, device, now)
            case "arrived" if held is not None:
                self._live -= 1
                tokens = steps * self._step_tokens
                if self._side.accept(held, held.row.assignment.base.number, steps, now):
                    device.merged_tokens += tokens
                    self._merged_ms += 1000 * tokens / device.what.tokens_per_s
            case "expired" if held is not None:
                self._live -= 1
                self._side.give_back(held, 0)
            case _:
                pass

    def _ask(self, number: int, device: _Device, now: int) -> None:
        """The next assignment came while the last one was computed, so a device that has one waits for nothing."""
        side = self._side
        applied = max(0, bisect_right(side.versions, now - self._down_ms) - 1)
        newest = side.version.number
        if device.version_given != newest:
            device.version_given, device.given = newest, 0
        work = side.lease(number, device.what.tokens_per_s, applied, device.given, now)
        if isinstance(work, NoWork):
            device.too_slow = work.reason == "run.device_too_slow"
            if work.reason == "run.next_version_awaited":
                self._waiting[number] = None
            else:
                self._at(now + 1000 * work.retry_after_s, "ask", number)
            return
        device.given += 1
        self._live += 1
        self._idle_ms += now - (now if device.idle_since is None else device.idle_since)
        device.idle_since, device.held, device.begun = None, work, now
        self._at(now + round(1000 * work.tokens / device.what.tokens_per_s), "done", number, work)

    def _wake(self, now: int) -> None:
        """Those who wait for the next version ask every few seconds; the first time after it gets another answer."""
        waiting, self._waiting = self._waiting, {}
        for number in waiting:
            self._at(now + round(1000 * SOON_S * self._rng.random()), "ask", number)

    def _send(self, number: int, held: Held, steps: int, now: int) -> None:
        self._trained += steps * self._step_tokens
        self._at(now + self._up_ms, "arrived", number, held, steps)

    def _leave(self, number: int, device: _Device, now: int) -> None:
        """What was computed becomes a smaller update, unless the computer was switched off."""
        assert device.there_since is not None
        self._lent_ms += now - device.there_since
        if device.idle_since is not None:
            self._idle_ms += now - device.idle_since
        device.there_since = device.idle_since = None
        held, device.held = device.held, None
        self._at(now + round(1000 * away_s(self._rng)), "come", number)
        if held is None:
            return
        done = int((now - device.begun) / 1000 * device.what.tokens_per_s / self._step_tokens)
        if self._rng.random() < SWITCHED_OFF_SHARE:
            self._trained += done * self._step_tokens
            self._lost += done * self._step_tokens
            self._at(now + 1000 * held.row.assignment.ttl_s, "expired", number, held)
        elif done:
            self._send(number, held, done, now)
        else:
            self._live -= 1
            self._side.give_back(held, 0)

    def _outcome(self, now: int) -> Outcome:
        side = self._side
        for device in self._devices:
            if device.there_since is not None:
                self._lent_ms += now - device.there_since
                self._idle_ms += 0 if device.idle_since is None else now - device.idle_since
        tokens = sorted(device.merged_tokens for device in self._devices if device.merged_tokens)
        waits = sorted(side.waits_ms)
        return Outcome(
            contributors=len(self._devices),
            parameters=self._parameters,
            seed=self._seed,
            hours=now / 3_600_000,
            ended=side.ended,
            utilisation=self._merged_ms / max(self._lent_ms, 1.0),
            goodput=side.merged_tokens / max(self._trained, 1),
            outer_steps=side.version.number,
            staleness=dict(sorted(side.staleness.items())),
            tokens_spread=(_quantile(tokens, 0.1), _quantile(tokens, 0.5), _quantile(tokens, 0.9)),
            merged_tokens=side.merged_tokens,
            late_tokens=side.late_tokens,
            lost_tokens=self._lost,
            gap_tokens=side.gap_tokens,
            gap_tokens_left=side.gap_tokens_left,
            waits_s=(_quantile(waits, 0.5) / 1000, (waits[-1] if waits else 0) / 1000),
            merging_share=min(1.0, side.merge_ms / max(now, 1)),
            devices_there=self._lent_ms / max(now, 1),
            surplus_share=self._idle_ms / max(self._lent_ms, 1.0),
            too_slow=sum(device.too_slow for device in self._devices),
        )


def _quantile(values: list[int], share: float) -> int:
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0


def lines(found: Outcome) -> tuple[str, ...]:
    """The outcome for a terminal."""
    updates = max(1, sum(found.staleness.values()))
    ages = ", ".join(f"{age}: {100 * count / updates:.1f} %" for age, count in found.staleness.items())
    tenth, half, most = (value / 1e6 for value in found.tokens_spread)
    ended = "the plan was fulfilled" if found.ended else "the time was over"
    surplus = found.surplus_share * found.devices_there
    head = f"{found.contributors:,} contributors, {found.parameters / 1e6:,.0f} M parameters, seed {found.seed}"
    there = f"{found.devices_there:,.0f} devices there on average, of which {surplus:,.0f} surplus"
    idle = f"{100 * found.surplus_share:.1f} % of their time without work; {found.too_slow:,} contributors too slow"
    merged = f"merged {found.merged_tokens / 1e6:,.1f} M tokens, late {found.late_tokens / 1e6:,.1f} M"
    spread = f"a contributor's tenth, half and nine tenths {tenth:,.2f}, {half:,.2f} and {most:,.2f} M"
    gaps = f"{found.gap_tokens / 1e6:,.1f} M tokens given back, {found.gap_tokens_left / 1e6:,.1f} M still waiting"
    waits = f"rounds waited {found.waits_s[0]:.1f} s for a merge (worst {found.waits_s[1]:.1f} s)"
    return (
        f"{head}: {found.hours:.2f} virtual hours until {ended}",
        f"  {there}: {idle}",
        f"  utilisation {100 * found.utilisation:.1f} % of device time, goodput {100 * found.goodput:.1f} % of tokens",
        f"  {found.outer_steps:,} outer steps; staleness {ages}",
        f"  {merged}, lost {found.lost_tokens / 1e6:,.1f} M; {spread}",
        f"  gaps: {gaps}",
        f"  {waits}; merging {100 * found.merging_share:.0f} % of the time",
    )
