"""What a benchmark found: its figures, how sure they are, and how they are shown."""

import operator
from collections.abc import Sequence
from statistics import median
from typing import Final, Literal

import msgspec

from sparewatt_cli.machine import MachineFacts

Comparison = Literal["at least", "at most"]
_HOLDS: Final = {"at least": operator.ge, "at most": operator.le}


class Target(msgspec.Struct, frozen=True):
    comparison: Comparison
    value: float

    def met(self, value: float) -> bool:
        return bool(_HOLDS[self.comparison](value, self.value))


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """One measured thing; the JSON of ``python -m benchmarks NAME --json``.

    Attributes:
        measure, reference: medians over the repetitions, in `unit`; reference is None where the target is absolute.
        ratio: median of the repetitions' own ratios, each of a measure and the reference right beside it, so that a
            machine that slows down in the course of it does not tilt the figure.
        ratio_least, ratio_greatest: of the repetitions.
        target: what `ratio`, or `measure` without a reference, has to reach; None for a figure without a target.
    """

    name: str
    unit: str
    measure: float
    reference: float | None
    ratio: float | None
    ratio_least: float | None
    ratio_greatest: float | None
    target: Target | None
    met: bool | None
    repetitions: int
    notes: tuple[str, ...] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All that one command measured."""

    command: str
    date: str
    machine: MachineFacts
    measurements: tuple[Measurement, ...]


def settle_heap() -> None:
    """Frees a block of 16 MiB, so that speed does not depend on what a process did before.

    glibc gives large blocks back to the system one by one, and pays for fresh pages each time, until it has seen a
    larger one freed. A bare websocket is a quarter faster after that, so both of a pair are measured after it.
    """
    block = bytearray(16 * 2**20)
    del block


def paired(
    name: str, unit: str, pairs: Sequence[tuple[float, float]], target: Target | None, notes: Sequence[str] = ()
) -> Measurement:
    """A measurement from pairs of (measure, reference), taken in turn A B A B.

    Raises:
        ValueError: no pairs, or a reference that is not positive.
    """
    if not pairs or any(reference <= 0 for _, reference in pairs):
        raise ValueError("a paired measurement needs pairs with positive references")
    ratios = [measure / reference for measure, reference in pairs]
    ratio = median(ratios)
    return Measurement(
        name=name,
        unit=unit,
        measure=median(measure for measure, _ in pairs),
        reference=median(reference for _, reference in pairs),
        ratio=ratio,
        ratio_least=min(ratios),
        ratio_greatest=max(ratios),
        target=target,
        met=None if target is None else target.met(ratio),
        repetitions=len(pairs),
        notes=tuple(notes),
    )


def absolute(
    name: str, unit: str, values: Sequence[float], target: Target | None, notes: Sequence[str] = ()
) -> Measurement:
    """A measurement against a fixed target; the worst repetition would hide in a mean, so notes should name it.

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("a measurement needs values")
    middle = median(values)
    return Measurement(
        name=name,
        unit=unit,
        measure=middle,
        reference=None,
        ratio=None,
        ratio_least=None,
        ratio_greatest=None,
        target=target,
        met=None if target is None else target.met(middle),
        repetitions=len(values),
        notes=tuple(notes),
    )


def lines(report: Report) -> tuple[str, ...]:
    """The report for a terminal."""
    machine = report.machine
    hardware = f"{machine.processor or machine.architecture}, {machine.cores} cores"
    software = f"{machine.system}, Python {machine.python}, torch {machine.torch or 'not installed'}"
    head = (f"{report.command}, {report.date}", f"{hardware}, {machine.memory_bytes / 2**30:.0f} GiB, {software}")
    return head + tuple(line for measurement in report.measurements for line in _measurement_lines(measurement))


def _measurement_lines(found: Measurement) -> tuple[str, ...]:
    text = f"{found.name}: {found.measure:,.4g} {found.unit}"
    if found.reference is not None and found.ratio is not None:
        text += f", reference {found.reference:,.4g} {found.unit}, ratio {found.ratio:.4f}"
        text += f" ({found.ratio_least:.4f} to {found.ratio_greatest:.4f})"
    text += f", {found.repetitions} repetition{'s' if found.repetitions != 1 else ''}"
    if found.target is not None:
        verdict = "met" if found.met else "NOT met"
        text += f"; target {found.target.comparison} {found.target.value:g}: {verdict}"
    return (text, *(f"  {note}" for note in found.notes))
