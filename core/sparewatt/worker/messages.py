"""Frames between the engine and a worker, over the worker's standard input and output.

The worker holds no state that matters: weights live in two memory areas that the engine owns, the *base* area (the
version as applied) and the *trainable* area (the weights as trained so far, current at every completed inner step).
"""

from typing import Annotated, Literal

import msgspec

from sparewatt.work.bounds import Sha256
from sparewatt.work.manifest import CodecSpec, DataSpec, InnerSpec, OptimiserSpec, OuterSpec
from sparewatt.work.memory import Compute
from sparewatt.work.model import ModelSpec
from sparewatt.work.version import BlobRef, VersionId


class _Frame(msgspec.Struct, frozen=True, tag_field="type", forbid_unknown_fields=True):
    pass


class FrozenFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The weights that an adapter stands on: a keyframe at `path`, a file with the hash `sha256`."""

    path: str
    sha256: Sha256


class Configure(_Frame, frozen=True, tag="configure"):
    """First frame to every worker; to an encoder only when it is to build a version, and then without an answer.

    Attributes:
        device: ``cpu``, ``cuda``, ``xpu``, ``mps``; a CUDA card is chosen by the environment that
            the worker was started with.
        threads: for the CPU: how many threads to compute with.
        work_folder: the only folder the worker may write to.
        outer: how a version follows from the one before.
        memory_free_bytes: of the computer, for a device that shares its memory; None where nobody knows.
        frozen: what the model's adapter stands on, where it has one.
        compile: the person wants the model compiled for the device.
    """

    model: ModelSpec
    data: DataSpec
    optimiser: OptimiserSpec
    inner: InnerSpec
    codec: CodecSpec
    outer: OuterSpec
    device: Literal["cpu", "cuda", "xpu", "mps"]
    threads: int
    work_folder: str
    memory_free_bytes: int | None = None
    frozen: FrozenFile | None = None
    compile: bool = False


class ApplyVersion(_Frame, frozen=True, tag="apply_version"):
    """Build `version` in the base area: from a keyframe file, or from what the area holds, then patches in order.

    The last patch leads to `version`, and each to the version after the one before.
    """

    version: VersionId
    keyframe: str | None
    patches: tuple[str, ...]


class TokenRange(msgspec.Struct, frozen=True):
    """`count` tokens from token `first` of the shard file at `path`."""

    path: str
    first: int
    count: int


class CheckpointPlace(msgspec.Struct, frozen=True):
    """Where a checkpoint of an assignment goes or lies, and what it says beside the training.

    Attributes:
        path: inside the work folder.
        run, device: whose residual lies beside it.
        way: as `checkpoint.CheckpointHeader`.
    """

    path: str
    run: str
    device: str
    way: tuple[BlobRef, ...]


class Train(_Frame, frozen=True, tag="train"):
    """Copy the base area to the trainable area and train; answered by `Progress` and one `Trained` or `Failed`.

    Attributes:
        moments: file of the second moments that `base` was published with, where the run shares them.
        checkpoint: None where none is kept.
        resume: go on from the checkpoint that lies there, instead of from the base.
    """

    assignment_id: str
    base: VersionId
    ranges: tuple[TokenRange, ...]
    inner_steps: int
    seed: int
    rate_first_nano: int
    rate_last_nano: int
    payload_path: str
    moments: str | None = None
    checkpoint: CheckpointPlace | None = None
    resume: bool = False


class SaveCheckpoint(_Frame, frozen=True, tag="save_checkpoint"):
    """Write a checkpoint of the training that goes on; answered by `Checkpointed`. Without one it means nothing."""


class Stop(_Frame, frozen=True, tag="stop"):
    """End the assignment at its last completed inner step, and exit.

    The worker answers `Trained`, if any step was completed. One that is told `urgent` answers nothing and is gone at
    once: what it completed is in the trainable area, whose memory is the engine's.

    Attributes:
        resumable: leave a checkpoint to go on from instead of an update, answered by `Checkpointed`; where that fails,
            the update all the same.
    """

    urgent: bool = False
    resumable: bool = False


class Encode(_Frame, frozen=True, tag="encode"):
    """To an encoder only: make an update of what the trainable area holds; answered by `Trained` or `Failed`.

    Attributes:
        base: the version that the base area holds.
        inner_steps: of the whole assignment.
        checkpoint_path: where the trained weights are, when the trainable area does not hold them.
        moment_numbers: of second moments that an update of the run ends with; the encoder has none to report.
        compute: of the worker that trained it.
    """

    assignment_id: str
    base: VersionId
    inner_steps: int
    codec: CodecSpec
    work_folder: str
    payload_path: str
    checkpoint_path: str | None = None
    moment_numbers: int = 0
    compute: Compute = "fp32"


EngineFrame = Configure | ApplyVersion | Train | SaveCheckpoint | Stop | Encode


class Ready(_Frame, frozen=True, tag="ready"):
    """The model is built on the device.

    Attributes:
        isolation: the layers that are in force in this worker (see `process.isolation.layers`).
        compute: type of matrix products.
        checkpointing: layers are computed again in the backward pass, because the device's memory is small.
    """

    device_name: str
    torch_version: str
    micro_batch_sequences: int
    isolation: tuple[str, ...] = ()
    compute: Compute = "fp32"
    checkpointing: bool = False


class Applied(_Frame, frozen=True, tag="applied"):
    """The base area holds `version`; the engine checks its hash before it believes it."""

    version: VersionId


class Progress(_Frame, frozen=True, tag="progress"):
    """After each inner step.

    Attributes:
        step_milliseconds: wall time of this inner step, with pauses between micro-batches.
        busy_milliseconds: the part of it spent computing.
        compiled: the model was compiled meanwhile, so the times say nothing of the device's speed.
    """

    assignment_id: str
    inner_steps: int
    tokens: int
    loss_micro: int
    step_milliseconds: int
    busy_milliseconds: int
    compiled: bool = False


class Uncompiled(_Frame, frozen=True, tag="uncompiled"):
    """What was to be compiled is trained uncompiled from now on, and why; said once at most."""

    error_id: str
    parameters: dict[str, str | int]


class Checkpointed(_Frame, frozen=True, tag="checkpointed"):
    """A checkpoint of an assignment is durable, or why there is none; an earlier one then lies there as before.

    Attributes:
        inner_steps: completed.
        error_id, parameters: empty where it was written.
    """

    assignment_id: str
    base: VersionId
    inner_steps: int
    error_id: str = ""
    parameters: dict[str, str | int] = {}


class Trained(_Frame, frozen=True, tag="trained"):
    """The update of an assignment is written and synced at `payload_path`, whole (`finished`) or up to a stop."""

    assignment_id: str
    outcome: Literal["finished", "partial"]
    base: VersionId
    tokens: int
    inner_steps: int
    loss_first_micro: int
    loss_last_micro: int
    train_milliseconds: int
    payload: BlobRef
    delta_root: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    residual_before_root: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None
    residual_after_root: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None
    compute: Compute = "fp32"


class Failed(_Frame, frozen=True, tag="failed"):
    """An expected failure, as an error id with parameters; the worker stays unless `fatal`."""

    error_id: str
    parameters: dict[str, str | int]
    fatal: bool


WorkerFrame = Ready | Applied | Progress | Uncompiled | Checkpointed | Trained | Failed
