"""How fast bytes may go: a token bucket as a value. Pure; time is an argument."""

from typing import Final

import msgspec

# What may go at once after a rest: one second's worth.
BURST_SECONDS: Final = 1.0


class Bucket(msgspec.Struct, frozen=True):
    """Bytes that may go at once; below zero for what went ahead and has to be waited for.

    Attributes:
        at_s: monotonic second at which the level held.
    """

    level_bytes: float = 0.0
    at_s: float = 0.0


def filled(bucket: Bucket, bytes_per_s: float, now_s: float) -> Bucket:
    """The bucket as it stands at `now_s`; it never holds more than a second's worth."""
    level = bucket.level_bytes + bytes_per_s * max(0.0, now_s - bucket.at_s)
    return Bucket(min(level, bytes_per_s * BURST_SECONDS), now_s)


def spent(bucket: Bucket, size_bytes: int, bytes_per_s: float, now_s: float) -> Bucket:
    """After `size_bytes` went, whether or not they were there; what goes without a limit has not to be made up for."""
    if bytes_per_s <= 0:
        return Bucket(0.0, now_s)
    full = filled(bucket, bytes_per_s, now_s)
    return Bucket(full.level_bytes - size_bytes, now_s)


def wait_seconds(bucket: Bucket, bytes_per_s: float, now_s: float) -> float:
    """Until what went ahead is made up for; 0 when more may go now, or when there is no limit (a rate of 0)."""
    if bytes_per_s <= 0:
        return 0.0
    return max(0.0, -filled(bucket, bytes_per_s, now_s).level_bytes / bytes_per_s)
