"""The manifest: everything a contributor consents to, signed by the organiser's offline key."""

from typing import Annotated, Literal

import msgspec

from sparewatt.work.bounds import Count, Micro, Positive, PublicKey, Sha256, Title, Words
from sparewatt.work.model import ModelSpec
from sparewatt.work.version import BlobRef, VersionId

MANIFEST_KIND = "manifest"
ROTATION_KIND = "online-key"


SOURCES_SHOWN_MOST = 32


class SourceFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that data were made from.

    Attributes:
        name: of the file, without its folders.
        size: in bytes.
        sha256: of its bytes.
    """

    name: Title
    size: Count
    sha256: Sha256


class DataRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What data were made from.

    Attributes:
        licence: of the data; the run's own where it is empty.
        files: how many; `bytes` is their size together.
        first: the first of them in the order in which they were read.
        all_files: blob with the canonical JSON list of every `SourceFile` in that order.
    """

    licence: Words
    files: Positive
    bytes: Count
    first: Annotated[tuple[SourceFile, ...], msgspec.Meta(min_length=1, max_length=SOURCES_SHOWN_MOST)]
    all_files: BlobRef


class DataSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where tokens come from and what a loss over them means.

    Attributes:
        tokenizer: ``tokenizer.json`` is a file of the `tokenizers` library, which the organiser alone uses.
        index: blob with the canonical JSON list of every shard's `BlobRef`, in order.
        held_out: blob of tokens that are never trained on.
        sequence_length: tokens of one training sequence; shards are whole numbers of sequences.
        description: what the data are, for a person.
        bytes_per_token_milli: bytes of UTF-8 text behind a held-out token on average, in 1e-3.
        tokenizer_file: the ``tokenizer.json``; its digest says which. Contributors never fetch it.
        record: what the data were made from.
    """

    tokenizer: Literal["bytes", "tokenizer.json"]
    token_dtype: Literal["u8", "u16", "u32"]
    vocabulary_size: Positive
    loss_unit: Literal["nats_per_byte", "nats_per_token"]
    sequence_length: Annotated[int, msgspec.Meta(ge=8, le=131_072)]
    shards: Positive
    tokens: Positive
    index: BlobRef
    held_out: BlobRef
    held_out_tokens: Positive
    description: Words
    bytes_per_token_milli: Positive | None = None
    tokenizer_file: BlobRef | None = None
    record: DataRecord | None = None

    def __post_init__(self) -> None:
        if (self.tokenizer == "bytes") != (self.tokenizer_file is None):
            raise ValueError("data have a tokenizer's file if, and only if, their tokens are not bytes")


class OptimiserSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The inner optimiser and the plan of its learning rate.

    The rate is constant at its peak after a linear warm-up of `warmup_tokens` and falls linearly to
    `final_rate_micro` of the peak over the last `decay_micro` of the run, by tokens or by time, whichever is further.

    Attributes:
        name: ``adamw``, or ``adamw-8bit``, whose moments take a quarter of the memory and which only graphics cards
            with CUDA compute. One for all devices of a run: with another one the same work would end in other weights.
    """

    name: Literal["adamw", "adamw-8bit"]
    beta1_micro: Micro
    beta2_micro: Micro
    epsilon_pico: Positive
    weight_decay_micro: Micro
    clip_norm_milli: Positive
    peak_rate_nano: Positive
    final_rate_micro: Micro
    warmup_tokens: Count
    decay_micro: Micro

    @property
    def eight_bit(self) -> bool:
        """Whether moments are kept in eight bits each."""
        return self.name == "adamw-8bit"

    def runs_on(self, kind: str) -> bool:
        """Whether devices of this kind have it."""
        return kind == "cuda" or not self.eight_bit


class InnerSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The work of one full assignment: `inner_steps` of `batch_sequences` sequences each.

    Attributes:
        state: what the optimiser begins an assignment with. ``fresh``: nothing. ``fresh-shared-v``: the second moment
            that is published with the version, so that whoever has the version can still do the work again. ``kept``:
            what the device's last assignment ended with, which nobody else has: only contributors whom the organiser
            trusts get such work.
    """

    inner_steps: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    batch_sequences: Annotated[int, msgspec.Meta(ge=1, le=65_536)]
    state: Literal["fresh", "fresh-shared-v", "kept"]

    @property
    def shares_moments(self) -> bool:
        """Whether updates report second moments, and versions are published with them."""
        return self.state == "fresh-shared-v"


class CodecSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an update's pseudo-gradient is written.

    Attributes:
        error_feedback: ``decay`` adds what earlier updates of the device left out, times `decay_micro` for every
            version since.
        kept: for ``topk``: coordinates that are written of each 4,096; else 0.
    """

    name: Literal["int8", "fp16", "int4", "topk"]
    error_feedback: Literal["none", "decay"]
    kept: Annotated[int, msgspec.Meta(ge=0, le=2_048)] = 0
    decay_micro: Micro = 0

    def __post_init__(self) -> None:
        if (self.name == "topk") != (self.kept > 0):
            raise ValueError("a codec keeps some of the coordinates if, and only if, it is topk")
        if (self.error_feedback == "decay") != (self.decay_micro > 0):
            raise ValueError("error feedback decays, and nothing else does")


class PatchSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the difference between two versions is written; what it leaves out the coordinator keeps for the next one.

    Attributes:
        kept: for ``topk``: coordinates that are written of each 4,096; else 0.
    """

    name: Literal["int8", "int4", "topk"]
    kept: Annotated[int, msgspec.Meta(ge=0, le=2_048)] = 0

    def __post_init__(self) -> None:
        if (self.name == "topk") != (self.kept > 0):
            raise ValueError("a patch keeps some of the coordinates if, and only if, it is topk")


DENSE_PATCH = PatchSpec("int8")


class OuterSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How accepted updates become the next version.

    Attributes:
        staleness_most: an update older than this many rounds is credited but not merged.
        keyframe_every: versions between two keyframes.
        support_floor_micro: c in 1e-6. A coordinate is averaged over the updates that hold it, but as if at least this
            share of all weight held it; at 1 it is averaged over all updates.
        keyframe_type: ``bf16``: at every version that has a keyframe, weights are rounded to bfloat16 by everybody, and
            what that cuts off joins what patches leave out. A keyframe then has two bytes a parameter; the one of the
            version that a run starts from has four in any case. Absent: fp32, nothing is rounded.
    """

    rule: Literal["sgd", "nesterov"]
    rate_micro: Annotated[int, msgspec.Meta(ge=1, le=2_000_000)]
    momentum_micro: Micro
    staleness_most: Annotated[int, msgspec.Meta(ge=0, le=4)]
    keyframe_every: Annotated[int, msgspec.Meta(ge=1, le=1_000)]
    patch: PatchSpec = DENSE_PATCH
    support_floor_micro: Micro = 0
    keyframe_type: Literal["bf16"] | None = None

    def rounds_weights(self, number: int) -> bool:
        """Whether the weights of version `number`, which is not the first, are rounded to bfloat16."""
        return self.keyframe_type == "bf16" and number % self.keyframe_every == 0


class RoundSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a round closes and when the run ends.

    Attributes:
        tokens_target: accepted tokens after which a round closes, `grace_milliseconds` later.
        seconds_most: T; a round closes this long after its first accepted update in any case.
        next_version_wait_milliseconds: how long a device that has just finished waits for the version that holds its
            own update before it starts again from an older one.
        tokens_total: planned tokens of the whole run.
        seconds_total: planned duration; 0 where only tokens count.
    """

    tokens_target: Positive
    grace_milliseconds: Count
    seconds_most: Positive
    next_version_wait_milliseconds: Annotated[int, msgspec.Meta(ge=0, le=60_000)]
    tokens_total: Positive
    seconds_total: Count


class CostSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a contributor gives, at most; the engine refuses more."""

    download_bytes_first: Count
    download_bytes_per_version: Count
    upload_bytes_per_update: Count
    disk_bytes: Count
    memory_bytes: Count


class FrozenBase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The weights that an adapter stands on: fetched once, never changed.

    Attributes:
        weights: blob in the form of a keyframe of the model without its adapter.
        sha256: hash of these weights, made as a version's.
    """

    weights: BlobRef
    sha256: Sha256


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One run. Consent is given to `signing.digest` of this value, which is also the run's name everywhere.

    Attributes:
        run_key: the organiser's offline public key, which signs this manifest and every online key.
        start: version 0 of branch 0, and `start_keyframe` the blob that holds it.
        validation: ``unaudited`` until a run scores and audits updates; then only trusted contributors carry weight.
        frozen: what the adapter of ``causal-lm-lora`` stands on.
    """

    format: Literal[1]
    task: Literal["causal-lm", "causal-lm-lora"]
    title: Title
    purpose: Words
    organiser: Title
    licence: Title
    created_at_s: Count
    run_key: PublicKey
    model: ModelSpec
    data: DataSpec
    optimiser: OptimiserSpec
    inner: InnerSpec
    codec: CodecSpec
    outer: OuterSpec
    rounds: RoundSpec
    costs: CostSpec
    validation: Literal["unaudited"]
    start: VersionId
    start_keyframe: BlobRef
    frozen: FrozenBase | None = None

    def __post_init__(self) -> None:
        adapted = self.task == "causal-lm-lora"
        if (self.model.adapter is not None) != adapted or (self.frozen is not None) != adapted:
            raise ValueError("a model has an adapter, and weights that it stands on, if, and only if, the task says so")
        if self.optimiser.eight_bit and self.inner.shares_moments:
            raise ValueError("moments of eight bits are neither published nor begun with")


class OnlineKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The organiser's word that `key` speaks for the run: it signs assignments, announcements, receipts, refusals."""

    run: Sha256
    sequence: Count
    key: PublicKey
    not_before_s: Count
