"""How large a device's next assignment is and which learning rates it has. Pure."""

from collections.abc import Callable
from typing import Final

import msgspec

from sparewatt.numeric.merge_plan import UPDATES_MOST
from sparewatt.work.manifest import InnerSpec, Manifest, OptimiserSpec

MICRO: Final = 1_000_000
SMALLEST_SHARE: Final = 4
LARGEST_FACTOR: Final = 4
# Rounds over which their length is averaged: one alone may have held a pause.
ROUNDS_OBSERVED: Final = 8
LEASE_SECONDS_LEAST: Final = 120
LEASE_SECONDS_MOST: Final = 86_400
HEARTBEATS_PER_LEASE: Final = 6


class Sized(msgspec.Struct, frozen=True):
    """The assignment's inner steps."""

    inner_steps: int


class TooSlow(msgspec.Struct, frozen=True):
    """A quarter of an assignment would take the device `seconds`, more than four times T."""

    seconds: int


class Progress(msgspec.Struct, frozen=True):
    """A point of the run's plan: tokens handed out before it and seconds since the first assignment."""

    tokens: int
    seconds: int


def step_tokens(manifest: Manifest) -> int:
    """Tokens of one inner step."""
    return manifest.inner.batch_sequences * manifest.data.sequence_length


def full_tokens(manifest: Manifest) -> int:
    """Tokens of one assignment of `inner_steps` inner steps."""
    return manifest.inner.inner_steps * step_tokens(manifest)


def smallest_steps(inner: InnerSpec) -> int:
    """A quarter of an assignment, rounded up."""
    return -(-inner.inner_steps // SMALLEST_SHARE)


def round_milliseconds(first: int, gathering: int, began: Callable[[int], int]) -> int | None:
    """What a round has lately taken, from one's first update to the next one's; None before two are closed.

    Args:
        first: number of the run's first round.
        began: when the first update of a closed round was accepted.
    """
    latest = gathering - 1
    earliest = max(first, latest - ROUNDS_OBSERVED)
    if earliest >= latest:
        return None
    return max(0, began(latest) - began(earliest)) // (latest - earliest)


def size(manifest: Manifest, tokens_per_s: int, round_lasts_milliseconds: int | None = None) -> Sized | TooSlow:
    """Inner steps that end in T (``seconds_most``) and within one and a half of the run's rounds.

    At least a quarter of ``inner_steps``. At most ``inner_steps``, so that a faster device gets more assignments, not
    longer ones; where every update is a round of its own, four times as many. The half round is there because no
    measurement is exact: devices that are equally fast keep their full assignments.

    Args:
        tokens_per_s: measured on this run; 0 when nothing was measured, which gets one full assignment.
        round_lasts_milliseconds: measured over the last rounds; None before there are any. What takes a slow device
            longer than several of them is old when it arrives: it counts for little, and in the end for nothing.
    """
    if tokens_per_s == 0:
        return Sized(manifest.inner.inner_steps)
    each, plan = step_tokens(manifest), manifest.rounds
    least = smallest_steps(manifest.inner)
    seconds = -(-least * each // tokens_per_s)
    if seconds > 4 * plan.seconds_most:
        return TooSlow(seconds)
    milliseconds = 1000 * plan.seconds_most
    if round_lasts_milliseconds is not None:
        milliseconds = min(milliseconds, round_lasts_milliseconds * 3 // 2)
    alone = plan.tokens_target <= least * each
    most = (LARGEST_FACTOR if alone else 1) * manifest.inner.inner_steps
    return Sized(max(least, min(tokens_per_s * milliseconds // (1000 * each), most)))


def comes_too_late(manifest: Manifest, tokens_per_s: int, round_lasts_milliseconds: int | None) -> bool:
    """Whether rounds go by so fast that no version will take what the device trains, be it a quarter of an assignment.

    It is only so while others keep the rounds going: that has to be asked beside it, or nobody would be given work.
    """
    if tokens_per_s == 0 or round_lasts_milliseconds is None:
        return False
    milliseconds = 1000 * smallest_steps(manifest.inner) * step_tokens(manifest) // tokens_per_s
    return milliseconds > (manifest.outer.staleness_most + 1) * round_lasts_milliseconds


def rounds_are_full(
    expected_updates: int, tokens: int, tokens_per_s: int, round_lasts_milliseconds: int | None
) -> bool:
    """Whether no round that closes until work of so many tokens is done has room for its update.

    Then it would be trained and credited, and trained again by somebody else, for it changes no version.

    Args:
        expected_updates: in the gathering round, and of all work that is handed out.
    """
    closing = 0
    if tokens_per_s and round_lasts_milliseconds:
        closing = 1000 * tokens // tokens_per_s // round_lasts_milliseconds
    return expected_updates >= (closing + 1) * UPDATES_MOST


def rates(manifest: Manifest, start: Progress, end: Progress) -> tuple[int, int]:
    """Learning rates in 1e-9 of the first and last inner step of work that leads from `start` to `end`."""
    return _rate_nano(manifest, start), _rate_nano(manifest, end)


def progress_micro(manifest: Manifest, at: Progress) -> int:
    """Share of the run that is behind, by tokens or by time, whichever is further; at most 1e6."""
    plan = manifest.rounds
    by_tokens = at.tokens * MICRO // plan.tokens_total
    by_time = at.seconds * MICRO // plan.seconds_total if plan.seconds_total else 0
    return min(MICRO, max(by_tokens, by_time))


def ended(manifest: Manifest, trained_tokens: int, elapsed_s: int) -> bool:
    """Whether the plan is fulfilled, by trained tokens or by time."""
    return progress_micro(manifest, Progress(tokens=trained_tokens, seconds=elapsed_s)) >= MICRO


def lease_seconds(manifest: Manifest) -> int:
    """The longest lifetime of a lease from its last renewal.

    Long enough that a router's restart loses nothing, and four rounds where rounds are long, so that a contributor
    whose connection comes and goes keeps its work.
    """
    return max(LEASE_SECONDS_LEAST, min(4 * manifest.rounds.seconds_most, LEASE_SECONDS_MOST))


def work_lease_seconds(manifest: Manifest, tokens: int, tokens_per_s: int, round_lasts_milliseconds: int | None) -> int:
    """Lifetime of the lease of work of so many tokens, from its last renewal.

    As long as some version would take the work, or four times as long as it takes, whichever is longer; two heartbeats
    at least, in which an engine sends three. To hold it for longer keeps its tokens from the others, and at a run's end
    everybody waits for them when its device is gone.

    Args:
        tokens_per_s, round_lasts_milliseconds: as in `size`; where one of them is not known the lease is the longest.
    """
    longest = lease_seconds(manifest)
    if tokens_per_s == 0 or round_lasts_milliseconds is None:
        return longest
    taken = (manifest.outer.staleness_most + 1) * round_lasts_milliseconds // 1000
    return min(longest, max(2 * heartbeat_seconds(manifest), 4 * tokens // tokens_per_s, taken))


def heartbeat_seconds(manifest: Manifest) -> int:
    """How often a contributor renews: several times within a lease, at least every 5 minutes."""
    return min(300, lease_seconds(manifest) // HEARTBEATS_PER_LEASE)


def _rate_nano(manifest: Manifest, at: Progress) -> int:
    optimiser = manifest.optimiser
    decayed = _decayed_nano(optimiser, progress_micro(manifest, at))
    if at.tokens >= optimiser.warmup_tokens:
        return decayed
    warm = optimiser.peak_rate_nano * at.tokens // optimiser.warmup_tokens
    return min(decayed, max(1, warm))


def _decayed_nano(optimiser: OptimiserSpec, progress: int) -> int:
    """Constant at the peak, then linear to ``final_rate_micro`` of it over the last ``decay_micro`` of the run."""
    into_decay = progress - (MICRO - optimiser.decay_micro)
    if into_decay <= 0:
        return optimiser.peak_rate_nano
    loss_micro = (MICRO - optimiser.final_rate_micro) * into_decay // optimiser.decay_micro
    return optimiser.peak_rate_nano * (MICRO - loss_micro) // MICRO
