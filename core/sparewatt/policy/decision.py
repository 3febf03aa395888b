"""The values of the policy: what is known, and what follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Compute = Literal["full", "limited", "hold", "stop"]
Transfers = Literal["allowed", "essential", "none"]
Offer = Literal["work", "none_joined", "closed", "stalled", "untrusted", "refused", "changed", "unsuitable"]
Parameters = Mapping[str, str | int]

COMPUTE_ORDER: Final[tuple[Compute, ...]] = ("full", "limited", "hold", "stop")
TRANSFERS_ORDER: Final[tuple[Transfers, ...]] = ("allowed", "essential", "none")


@dataclass(frozen=True)
class Moment:
    """Now, by both clocks: delays are counted by the first, what the person said by the second."""

    monotonic_s: float
    unix_s: float


@dataclass(frozen=True)
class Spent:
    """What contributing has used, by the local calendar.

    Attributes:
        energy_watt_hours: this month, all devices.
        cost_micro: this month, in millionths of the person's currency.
        network_bytes: this month, sent and received.
        disk_bytes: written to the disk today.
        month_ends_unix_s, day_ends_unix_s: when the counts begin anew.
    """

    energy_watt_hours: int
    cost_micro: int
    network_bytes: int
    disk_bytes: int
    month_ends_unix_s: int
    day_ends_unix_s: int


@dataclass(frozen=True)
class Usage:
    """What is known of this device's own doings.

    Attributes:
        worker_memory_bytes: what its worker takes or, while there is none, took when it ran; 0 before the first.
        sensors: whether its sensors can be read; ``waiting`` before the first sample.
        driver_restarted: its driver is gone or was changed underneath, which explains lost sensors.
        cooling_s: for how long it has been resting because it was too warm; None while it is not.
        temperature_celsius: for the words.
        memory_taken_bytes: how much more of the device's memory other programs hold than when the worker started;
            None without a worker, or where that cannot be told.
        spent: None while the account of it cannot be read.
    """

    worker_memory_bytes: int = 0
    worker_running: bool = False
    sensors: Literal["working", "waiting", "lost"] = "waiting"
    driver_restarted: bool = False
    cooling_s: float | None = None
    temperature_celsius: int | None = None
    memory_taken_bytes: int | None = None
    spent: Spent | None = None


@dataclass(frozen=True)
class Offers:
    """What there is for this device.

    Attributes:
        best: ``work`` when any joined run would give it work, else the reason of the run that comes closest.
        connected: whether any coordinator can be reached; None before the first attempt.
    """

    best: Offer = "work"
    connected: bool | None = None


@dataclass(frozen=True)
class Match:
    """A rule that holds.

    Attributes:
        until_unix_s: when it ends by itself, where that is known.
        lingers_until_s: monotonic end, once its condition is gone; None while the condition holds.
    """

    rule: str
    compute: Compute
    transfers: Transfers
    parameters: Parameters
    until_unix_s: int | None
    setting: str | None
    lingers_until_s: float | None = None


@dataclass(frozen=True)
class Decision:
    """For one device.

    Attributes:
        matches: all of them, the shown one first, the others in the order of the rules.
        speed_limit_percent, power_cap_watts, temperature_limit_celsius: the person's limits; how they are kept is the
            governor's. No cap is None.
        decided_s: monotonic moment; a decision grows stale.
    """

    device: str
    compute: Compute
    transfers: Transfers
    matches: tuple[Match, ...]
    speed_limit_percent: int
    decided_s: float
    power_cap_watts: int | None = None
    temperature_limit_celsius: int | None = None

    @property
    def shown(self) -> Match | None:
        return self.matches[0] if self.matches else None
