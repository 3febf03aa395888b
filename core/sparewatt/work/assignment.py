"""What one device is to do, signed by the run's online key."""

from typing import Annotated, Literal

import msgspec

from sparewatt.work.bounds import Count, Identifier, Positive, PublicKey, Sha256
from sparewatt.work.version import BlobRef, VersionId

ASSIGNMENT_KIND = "assignment"


class Range(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Part of a shard: `count` tokens from `first`, both whole numbers of sequences, in one pass over the data."""

    pass_number: Count
    shard: Count
    blob: BlobRef
    first: Count
    count: Positive


class Assignment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A piece of training that is a function of (version, seed, ranges, budget).

    Attributes:
        device: the device's name on the wire (an HMAC, nothing derived from hardware can be read from it).
        base: the oldest version it may start from; a device starts from the newest one it has applied.
        token_budget: tokens to train; the ranges hold exactly as many.
        seed: orders the sequences of the ranges.
        rate_first_nano, rate_last_nano: learning rate of the first and last inner step in 1e-9, linear between.
        fence: grows with every lease of the same work; an older fence is refused.
        ttl_s: lifetime of the lease from its last renewal; the coordinator's clock decides.
    """

    assignment_id: Identifier
    run: Sha256
    contributor: PublicKey
    device: Identifier
    kind: Literal["train"]
    base: VersionId
    ranges: Annotated[tuple[Range, ...], msgspec.Meta(min_length=1, max_length=64)]
    token_budget: Positive
    inner_steps: Annotated[int, msgspec.Meta(ge=1, le=40_000)]
    seed: Count
    rate_first_nano: Count
    rate_last_nano: Count
    fence: Positive
    ttl_s: Annotated[int, msgspec.Meta(ge=1, le=7 * 86_400)]
