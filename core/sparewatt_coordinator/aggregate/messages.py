"""Frames between a coordinator and its aggregators, over the aggregator's standard input and output.

An aggregator does one request after another and answers each by one answer with its `id`. All blobs lie in the
folder that it was started with; what an answer names is durable there.
"""

from typing import Annotated

import msgspec

from sparewatt.numeric.merge_plan import MergePlan
from sparewatt.work.manifest import DataSpec, FrozenBase
from sparewatt.work.model import ModelSpec
from sparewatt.work.version import BlobRef, VersionId

RequestId = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class _Request(msgspec.Struct, frozen=True, tag_field="type", forbid_unknown_fields=True, kw_only=True):
    id: RequestId


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A version's weights: in the outer state of its merge, or for version 0 in the first keyframe.

    Attributes:
        frozen: what an adapter stands on, where these are an adapter's.
    """

    version: VersionId
    outer_state: BlobRef | None
    keyframe: BlobRef
    frozen: FrozenBase | None = None


class Merge(_Request, frozen=True, tag="merge"):
    """Carry out a plan; answered by `Merged`.

    Attributes:
        start_keyframe: of the manifest; stands for the outer state before the first merge.
        keyframe: also write the new version in full.
    """

    model: ModelSpec
    plan: MergePlan
    start_keyframe: BlobRef
    keyframe: bool


class Evaluate(_Request, frozen=True, tag="evaluate"):
    """Held-out loss over the first `tokens` tokens of the held-out blob; answered by `Evaluated`."""

    model: ModelSpec
    data: DataSpec
    weights: Weights
    tokens: Annotated[int, msgspec.Meta(ge=1)]
    threads: Annotated[int, msgspec.Meta(ge=1, le=1024)]


class Sample(_Request, frozen=True, tag="sample"):
    """Text that continues `prompt`; answered by `Sampled`. `temperature_milli` 0 takes the likeliest token."""

    model: ModelSpec
    data: DataSpec
    weights: Weights
    prompt: str
    tokens: Annotated[int, msgspec.Meta(ge=1, le=2_000)]
    temperature_milli: Annotated[int, msgspec.Meta(ge=0, le=5_000)]
    seed: int
    threads: Annotated[int, msgspec.Meta(ge=1, le=1024)]


class Quit(_Request, frozen=True, tag="quit"):
    """End; not answered."""


Request = Merge | Evaluate | Sample | Quit


class _Answer(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    reply_to: int


class Merged(_Answer, frozen=True, tag="merged"):
    """The plan's version and the blobs that hold it."""

    plan_digest: str
    version: VersionId
    patch: BlobRef
    outer_state: BlobRef
    keyframe: BlobRef | None
    moments: BlobRef | None = None


class Evaluated(_Answer, frozen=True, tag="evaluated"):
    """Loss in 1e-6 of the run's unit, over `tokens` tokens."""

    version: VersionId
    loss_micro: int
    tokens: int


class Sampled(_Answer, frozen=True, tag="sampled"):
    """`text` holds no control characters but line ends and tabs."""

    text: str


class Failed(_Answer, frozen=True, tag="failed"):
    """An expected failure as its error class, id and parameters."""

    kind: str
    error_id: str
    parameters: dict[str, str | int]


Answer = Merged | Evaluated | Sampled | Failed
