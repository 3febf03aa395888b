"""Whether a home's uplink makes a device wait."""

import asyncio
import os
import time
from dataclasses import replace
from typing import Final

import msgspec

from benchmarks.measurement import Measurement, Target, absolute, paired
from benchmarks.rig import Rig, rig
from sparewatt_coordinator.create.profile import Profile

SECONDS: Final = 40.0
# So short that updates follow each other closely: in a real run an assignment takes minutes.
INNER_STEPS: Final = 4
HOME_BITS_PER_S: Final = 10_000_000
_LOOK_SECONDS: Final = 0.1


class Watched:
    """Attributes:
    tokens_per_s: over the whole time.
    training_percent: share of looks at which the worker was training.
    up_bits_per_s: on the wire.
    """

    def __init__(self, tokens_per_s: float, training_percent: float, up_bits_per_s: float) -> None:
        self.tokens_per_s = tokens_per_s
        self.training_percent = training_percent
        self.up_bits_per_s = up_bits_per_s


def uplink() -> tuple[Measurement, ...]:
    """A real engine and coordinator with 10 Mbit/s up against no limit: tokens/s, and the share of time in training."""
    free, slow = asyncio.run(_both())
    notes = (
        f"up: {slow.up_bits_per_s / 1e6:.2f} Mbit/s of 10, and {free.up_bits_per_s / 1e6:.2f} without a limit",
        f"1.3 M parameters in int8, assignments of {INNER_STEPS} inner steps, {SECONDS:.0f} s each, one thread",
        f"load {os.getloadavg()[0]:.1f}",
    )
    share = (f"without a limit {free.training_percent:.1f} %",)
    return (
        paired("uplink", "tokens/s", [(slow.tokens_per_s, free.tokens_per_s)], Target("at least", 0.9), notes),
        absolute("uplink-training", "% of the time", [slow.training_percent], Target("at least", 90.0), share),
    )


async def _both() -> tuple[Watched, Watched]:
    async with rig(threads=1, change=_short) as system:
        free = await _watched(system)
    async with rig(threads=1, up_bytes_per_s=HOME_BITS_PER_S / 8, change=_short) as system:
        slow = await _watched(system)
    return free, slow


def _short(profile: Profile) -> Profile:
    return replace(profile, inner=msgspec.structs.replace(profile.inner, inner_steps=INNER_STEPS))


async def _watched(system: Rig) -> Watched:
    await system.until_worker("training", inner_steps=3)
    began, up, tokens = time.monotonic(), system.between.up, _tokens(system)
    looks = training = 0
    while time.monotonic() - began < SECONDS:
        await asyncio.sleep(_LOOK_SECONDS)
        system.children.check()
        device = system.device()
        looks += 1
        training += device is not None and device.worker == "training"
    seconds = time.monotonic() - began
    return Watched((_tokens(system) - tokens) / seconds, 100 * training / looks, 8 * (system.between.up - up) / seconds)


def _tokens(system: Rig) -> int:
    device = system.device()
    if device is None:
        return 0
    return device.tokens + (device.current.tokens if device.current is not None else 0)
