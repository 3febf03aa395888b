"""A recorded trace under the shipped governor and pacer; its format is in docs/traces.md.

What is replayed cannot answer: the power of the trace does not fall when the governor asks it to. So only the
governor's own side is checked: no permit without a fresh, believable sample and a young decision, no computing while
the last minute is above the cap or the temperature 3 K above its limit, and words for every reason.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from sparewatt.governor import Pace
from sparewatt.host.device import Device
from sparewatt.host.sample import Sample
from sparewatt.permit import Grant, PermitKind
from sparewatt.policy import Decision
from sparewatt.sensing.pacer import Pacer
from sparewatt.testing.clock import ManualClock
from sparewatt.wording.limits import pace_words
from tests.governor_simulation.checks import ABOVE_LIMIT_KELVIN, Finding

LINES_MOST: Final = 1_000_000
LINE_CHARACTERS_MOST: Final = 4_000
TICK_S: Final = 0.5


class BadTrace(Exception):
    """A file that is no trace; says which line and why."""


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The person's limits while the trace was recorded."""

    power_cap_watts: int | None = None
    temperature_limit_celsius: int | None = None
    speed_limit_percent: Annotated[int, msgspec.Meta(ge=1, le=100)] = 100


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line."""

    trace: Literal[1]
    origin: Literal["recorded", "synthetic"]
    device: Device
    limits: Limits
    words: str = ""


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every other line: a sample, or other limits from here on."""

    sample: Sample | None = None
    t: float | None = None
    limits: Limits | None = None


@dataclass(frozen=True)
class Replayed:
    header: Header
    samples: int
    seconds: float
    reasons: Counter[str]
    findings: tuple[Finding, ...]


def read(path: Path) -> tuple[Header, list[Line]]:
    """The trace in a file.

    Raises:
        BadTrace: a line is not as the format says.
    """
    with path.open(encoding="utf-8") as file:
        return parse(file)


def parse(texts: Iterable[str]) -> tuple[Header, list[Line]]:
    """As `read`."""
    header: Header | None = None
    lines: list[Line] = []
    newest = float("-inf")
    number = 0
    for number, text in enumerate(texts, 1):
        try:
            if number > LINES_MOST or len(text) > LINE_CHARACTERS_MOST:
                raise msgspec.ValidationError("too long")
            if header is None:
                header = msgspec.json.decode(text, type=Header)
                continue
            line = msgspec.json.decode(text, type=Line)
            t = line.sample.t if line.sample is not None else line.t
            if t is None or t < newest:
                raise msgspec.ValidationError("time goes back or is missing")
        except msgspec.MsgspecError as error:
            raise BadTrace(f"line {number}: {error}") from error
        newest = t
        lines.append(line)
    if header is None:
        raise BadTrace("it is empty")
    return header, lines


def replay(header: Header, lines: list[Line]) -> Replayed:
    """What the governor does under this trace."""
    clock, granted = ManualClock(), list[Grant]()
    pacer = Pacer(clock, jitter=lambda: 0.5)
    device = header.device.device
    pacer.found((header.device,))
    pacer.attach(device, granted.append)
    reasons: Counter[str] = Counter()
    findings: list[Finding] = []
    limits, newest = header.limits, None
    for now, line in _moments(lines):
        clock.now = now
        if line is not None:
            limits = line.limits or limits
            if line.sample is not None:
                newest = msgspec.structs.replace(line.sample, device=device)
                pacer.sampled(newest)
            continue
        pacer.decided(_decision(device, limits, now))
        granted.clear()
        pacer.tick()
        paced = pacer.pace_of(device)
        assert paced is not None
        reasons[paced.reason or paced.limit or "full"] += 1
        findings += _looked_at(paced, granted, newest, limits, now)
    first = next((line.sample.t for line in lines if line.sample is not None), 0.0)
    return Replayed(
        header=header,
        samples=sum(line.sample is not None for line in lines),
        seconds=clock.now - first,
        reasons=reasons,
        findings=tuple(findings[:10]),
    )


def _moments(lines: list[Line]) -> Iterator[tuple[float, Line | None]]:
    """Every line at its moment, and a tick each half second between them and for ten seconds after."""
    tick: float | None = None
    for line in lines:
        t = line.sample.t if line.sample is not None else line.t
        assert t is not None
        tick = t if tick is None else tick
        while tick < t:
            yield tick, None
            tick += TICK_S
        yield t, line
    for _ in range(20 if tick is not None else 0):
        assert tick is not None
        yield tick, None
        tick += TICK_S


def _decision(device: str, limits: Limits, now: float) -> Decision:
    return Decision(
        device, "full", "allowed", (), limits.speed_limit_percent, now, limits.power_cap_watts,
        limits.temperature_limit_celsius,
    )  # fmt: skip


def _looked_at(
    paced: Pace, granted: list[Grant], sample: Sample | None, limits: Limits, now: float
) -> Iterator[Finding]:
    computing = any(grant.kind is PermitKind.COMPUTE for grant in granted)
    if paced.reason is not None and not pace_words(paced.reason, paced.parameters).strip():
        yield Finding("words", now, f"{paced.reason} has no words")
    if not computing:
        return
    if sample is None or now - sample.t > 1.0:
        yield Finding("permit", now, "a permit was advanced without a fresh sample")
        return
    mean, cap = paced.power_mean_watts, limits.power_cap_watts
    if mean is not None and cap is not None and mean > cap:
        yield Finding("cap", now, f"computing though the last minute's mean is {mean:.1f} W")
    celsius, limit = sample.temperature_celsius, limits.temperature_limit_celsius
    if celsius is not None and limit is not None and celsius > limit + ABOVE_LIMIT_KELVIN:
        yield Finding("temperature", now, f"computing at {celsius:.1f} °C")


def sample_text(sample: Sample) -> str:
    """One line of a trace."""
    return json.dumps(
        {"sample": {key: value for key, value in msgspec.to_builtins(sample).items() if value is not None}}
    )
