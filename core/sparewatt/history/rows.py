"""The values of the account; whole numbers of small units, so that sums are exact."""

from typing import Annotated, Literal

import msgspec

Period = Literal["day", "week", "month"]
Whole = Annotated[int, msgspec.Meta(ge=0)]


class EnergyRow(msgspec.Struct, frozen=True):
    """What one device used for one run in one period.

    Attributes:
        begins: first local day of the period, such as ``2026-11-24``; a week begins on Monday.
        millijoules: as far as the device's power could be read.
        estimated_millijoules: the part of them that was reckoned from single readings of power, for want of a counter.
        busy_milliseconds: how long its worker lived.
        unmeasured_milliseconds: the part of it in which the power could not be read; nothing is counted for it.
        cost_micro: millionths of the currency, at the price of each moment; nothing where no price was said.
        tokens: trained.
    """

    begins: str
    device: str
    run: str
    millijoules: Whole = 0
    estimated_millijoules: Whole = 0
    busy_milliseconds: Whole = 0
    unmeasured_milliseconds: Whole = 0
    cost_micro: Whole = 0
    carbon_milligrams: Whole = 0
    tokens: Whole = 0


class TrafficRow(msgspec.Struct, frozen=True):
    """What all runs sent and received in one period.

    Attributes:
        bytes_written: to the disk, besides what was received: results, checkpoints, residuals.
    """

    begins: str
    bytes_up: Whole = 0
    bytes_down: Whole = 0
    bytes_written: Whole = 0


class PastAssignment(msgspec.Struct, frozen=True):
    """One assignment that has ended on this computer.

    Attributes:
        tokens: trained; 0 for one that was given back.
        estimated: whether any of its energy was reckoned from single readings of power.
        measured: whether its power could be read all the time.
    """

    assignment_id: str
    run: str
    device: str
    began_unix_s: int
    ended_unix_s: int
    tokens: int
    millijoules: int
    estimated: bool
    measured: bool
