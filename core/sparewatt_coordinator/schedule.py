"""How large a device's next assignment is and which learning rates it has. Pure."""

from typing import Final

import msgspec

from sparewatt.work.manifest import InnerSpec, Manifest, OptimiserSpec

MICRO: Final = 1_000_000
SMALLEST_SHARE: Final = 4
LARGEST_FACTOR: Final = 4
LEASE_SECONDS_LEAST: Final = 120
LEASE_SECONDS_MOST: Final = 86_400
HEARTBEATS_PER_LEASE: Final = 6


class Sized(msgspec.Struct, frozen=True):
    """The assignment's inner steps."""

    inner_steps: int


class TooSlow(msgspec.Struct, frozen=True):
    """A quarter of an assignment would take the device `seconds`, more than four rounds."""

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


def size(manifest: Manifest, tokens_per_s: int) -> Sized | TooSlow:
    """Inner steps that end in T (``seconds_most``), between a quarter and four times ``inner_steps``.

    Args:
        tokens_per_s: measured on this run; 0 when nothing was measured, which gets one full assignment. Faster
            devices get more assignments beyond four times, not longer ones.
    """
    if tokens_per_s == 0:
        return Sized(manifest.inner.inner_steps)
    each = step_tokens(manifest)
    least = smallest_steps(manifest.inner)
    seconds = -(-least * each // tokens_per_s)
    if seconds > 4 * manifest.rounds.seconds_most:
        return TooSlow(seconds)
    fitting = tokens_per_s * manifest.rounds.seconds_most // each
    return Sized(max(least, min(fitting, LARGEST_FACTOR * manifest.inner.inner_steps)))


def rates(manifest: Manifest, start: Progress, end: Progress) -> tuple[int, int]:
    """Learning rates in 1e-9 of the first and last inner step of work that leads from `start` to `end`."""
    return _rate_nano(manifest, start), _rate_nano(manifest, end)


def progress_micro(manifest: Manifest, at: Progress) -> int:
    """Share of the run that is behind, by tokens or by time, whichever is further; at most 1e6."""
    plan = manifest.rounds
    by_tokens = at.tokens * MICRO // plan.tokens_total
    by_time = at.seconds * MICRO // plan.seconds_total if plan.seconds_total else 0
    return min(MICRO, max(by_tokens, by_time))


def ended(manifest: Manifest, credited_tokens: int, elapsed_s: int) -> bool:
    """Whether the plan is fulfilled, by credited tokens or by time."""
    return progress_micro(manifest, Progress(tokens=credited_tokens, seconds=elapsed_s)) >= MICRO


def lease_seconds(manifest: Manifest) -> int:
    """Lifetime of a lease from its last renewal.

    Long enough that a router's restart loses nothing, and four rounds where rounds are long, so that a contributor
    whose connection comes and goes keeps its work.
    """
    return max(LEASE_SECONDS_LEAST, min(4 * manifest.rounds.seconds_most, LEASE_SECONDS_MOST))


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
