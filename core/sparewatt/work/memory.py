"""What training a model takes of memory, known before anything is allocated. Pure.

What autograd saves of a pass is counted from the layers as `transformers` has them, tensor by tensor, and was compared
with what it really saves (tests/sparewatt/training/test_memory.py); what a whole process takes is measured by
``python -m benchmarks memory-estimate``.
"""

from types import MappingProxyType
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from sparewatt.work.architecture import Architecture
from sparewatt.work.model import ModelSpec, frozen_count, parameter_count, tensors

Compute = Literal["fp32", "bf16"]

# Of one token in one layer, in bytes: for each hidden number, each number of the queries and of the keys, and each
# intermediate number. With bf16 autocast norms and the residual stream stay fp32; products and their inputs do not.
_SAVED: Final = MappingProxyType[tuple[Architecture, Compute], tuple[int, int, int, int]](
    {
        ("llama", "fp32"): (24, 8, 8, 16),
        ("llama", "bf16"): (26, 4, 4, 8),
        ("qwen2", "fp32"): (24, 8, 8, 16),
        ("qwen2", "bf16"): (26, 4, 4, 8),
        ("qwen3", "fp32"): (24, 16, 16, 16),
        ("qwen3", "bf16"): (26, 10, 10, 8),
        ("gpt2", "fp32"): (16, 8, 8, 20),
        ("gpt2", "bf16"): (12, 4, 4, 10),
        ("gpt_neox", "fp32"): (24, 8, 8, 8),
        ("gpt_neox", "bf16"): (14, 4, 4, 4),
    }
)
# Scales of norms and softmax sums.
_SAVED_BESIDE: Final = 64
# Of one token: embedding and last norm, in bytes for each hidden number. Then arrays as wide as the vocabulary: logits,
# their copy without the last token, and their logarithm; or in the backward pass two gradients and the logarithm.
_ENDS_HIDDEN: Final = 16
_ENDS_WORD: Final = 3
# In the backward pass of a layer: gradients that are alive at once, and what the allocator has not given back yet, as
# arrays as wide as the hidden layer and the intermediate one. Measured on a processor.
_BACKWARD_HIDDEN: Final = 6
_BACKWARD_INTERMEDIATE: Final = 18
# Gradients of the word embedding beside the one that is kept from micro-batch to micro-batch. A new one is added to
# it at once; where the embedding is the output layer, too, autograd holds the output's until there is the embedding's,
# and their sum is a third array.
_EMBEDDING_GRADIENTS: Final = MappingProxyType({"tied": 3, "separate": 1})
# Where the C library allocates, and not torch: the heap takes so much for what comes and goes with each pass, because
# what is freed leaves holes that the next array does not fit into. Larger arrays are mapped one by one and leave none
# (glibc's own threshold rises to 32 MiB and no further), so that one a little larger takes no more than one a little
# smaller. Holes of the phases before stay as large as this. Measured on a processor, not derived.
_HEAP_PERCENT: Final = 135
_HEAP_ARRAY_BYTES_MOST: Final = 32 * 1024 * 1024
_HOLE_BYTES_MOST: Final = 20 * 1024 * 1024
_FP32: Final = 4
_BF16: Final = 2
# Both moments of AdamW.
_OPTIMISER: Final = 2 * _FP32
# The same in eight bits: one byte each, and one fp32 scale each for so many in a row; tensors smaller than that stay
# fp32 (Dettmers et al., 8-bit optimizers via block-wise quantization, 2022).
_EIGHT_BIT_BLOCK: Final = 256
EIGHT_BIT_LEAST: Final = 4_096
# An interpreter with torch and transformers, before there is a model.
PROCESS_BYTES: Final = 600 * 1024 * 1024
# What the driver keeps for itself on a card as soon as a process uses it.
CONTEXT_BYTES: Final = 600 * 1024 * 1024
# What torch's own allocator takes on a card for what is used.
_CARD_PERCENT: Final = 110
# The base and the trainable area, which a worker shares with its engine, and the residual of error feedback.
_AREAS: Final = 2 * _FP32
_RESIDUAL: Final = 2


class TrainingPass(msgspec.Struct, frozen=True):
    """One micro-batch's way through the model.

    Attributes:
        compute: type of matrix products; weights, gradients and moments are fp32 in any case.
        checkpointing: only each layer's input is kept, and the layer is computed again in the backward pass.
    """

    sequence_length: int
    micro_batch_sequences: Annotated[int, msgspec.Meta(ge=1)]
    compute: Compute = "fp32"
    checkpointing: bool = False


class MemoryNeed(msgspec.Struct, frozen=True):
    """Bytes; `host_bytes` is beside `device_bytes`, and of the same memory where the device is the processor."""

    device_bytes: int
    host_bytes: int


class Fit(msgspec.Struct, frozen=True):
    """How a model is trained in the memory that there is."""

    checkpointing: bool
    micro_batch_sequences: int
    need: MemoryNeed


def saved_bytes(spec: ModelSpec, compute: Compute) -> int:
    """What autograd keeps of one token in one layer, without checkpointing."""
    hidden, queries, keys, intermediate = _SAVED[spec.architecture, compute]
    return (
        hidden * spec.hidden_size
        + queries * spec.heads * spec.head
        + keys * spec.key_value_heads * spec.head
        + intermediate * spec.intermediate_size
        + _SAVED_BESIDE
    )


def moment_bytes(spec: ModelSpec, *, eight_bit: bool) -> int:
    """What both moments of AdamW take.

    Raises:
        IntegrityError: as `work.model.tensors`.
    """
    if not eight_bit:
        return _OPTIMISER * parameter_count(spec)
    counts = [tensor.count for tensor in tensors(spec)]
    small = sum(count for count in counts if count < EIGHT_BIT_LEAST)
    blocks = sum(-(-count // _EIGHT_BIT_BLOCK) for count in counts if count >= EIGHT_BIT_LEAST)
    return _OPTIMISER * small + 2 * (sum(counts) - small + _FP32 * blocks)


def memory_need(
    spec: ModelSpec, training: TrainingPass, *, card: bool, error_feedback: bool = False, eight_bit: bool = False
) -> MemoryNeed:
    """What training takes at its peak.

    Args:
        card: the device has memory of its own; otherwise it shares the computer's.
        error_feedback: the run's codec keeps a residual.
        eight_bit: the run's optimiser keeps its moments in eight bits.

    Raises:
        IntegrityError: as `work.model.tensors`.
    """
    trained = parameter_count(spec)
    parameters = trained + frozen_count(spec)
    weights = _FP32 * parameters + moment_bytes(spec, eight_bit=eight_bit)
    if training.compute == "bf16":
        weights += _BF16 * parameters
    if card:
        activations = _activation_bytes(spec, training)
        device = (weights + _FP32 * trained + activations) * _CARD_PERCENT // 100 + CONTEXT_BYTES
    else:
        activations = _activation_bytes_in_heap(spec, training)
        gradients = sum(_Arrays(1, _FP32 * tensor.count).heap_bytes for tensor in tensors(spec))
        device = weights + gradients + activations
    host = PROCESS_BYTES + (_AREAS + (_RESIDUAL if error_feedback else 0)) * trained
    return MemoryNeed(device_bytes=device, host_bytes=host)


def fit(
    spec: ModelSpec,
    sequence_length: int,
    batch_sequences: int,
    compute: Compute,
    free_bytes: int,
    *,
    card: bool,
    error_feedback: bool = False,
    eight_bit: bool = False,
) -> Fit | None:
    """The largest micro-batch that fits, with checkpointing only where not even one sequence fits without; None when
    nothing does.

    Args:
        free_bytes: of the card's memory, or of the computer's for a device that shares it.
    """
    for checkpointing in (False, True):
        sequences = batch_sequences
        while True:
            training = TrainingPass(sequence_length, sequences, compute, checkpointing)
            need = memory_need(spec, training, card=card, error_feedback=error_feedback, eight_bit=eight_bit)
            if taken_bytes(need, card=card) <= free_bytes:
                return Fit(checkpointing, sequences, need)
            if sequences == 1:
                break
            sequences //= 2
    return None


def least_bytes(
    spec: ModelSpec,
    sequence_length: int,
    compute: Compute,
    *,
    card: bool,
    error_feedback: bool = False,
    eight_bit: bool = False,
) -> int:
    """What has to be free for anything to be trained: one sequence at a time, with checkpointing."""
    training = TrainingPass(sequence_length, 1, compute, checkpointing=True)
    need = memory_need(spec, training, card=card, error_feedback=error_feedback, eight_bit=eight_bit)
    return taken_bytes(need, card=card)


def taken_bytes(need: MemoryNeed, *, card: bool) -> int:
    """What is taken of the memory that the device computes in."""
    return need.device_bytes if card else need.device_bytes + need.host_bytes


class _Arrays(NamedTuple):
    """So many arrays of the same size that are alive together."""

    number: int
    each_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.number * self.each_bytes

    @property
    def heap_bytes(self) -> int:
        """What the C library takes for them."""
        return self.number * max(self.each_bytes, min(self.each_bytes, _HEAP_ARRAY_BYTES_MOST) * _HEAP_PERCENT // 100)

    @property
    def hole_bytes(self) -> int:
        """What of it others cannot use when they are gone."""
        return self.number * (min(self.each_bytes, _HOLE_BYTES_MOST) * _HEAP_PERCENT // 100)


def _activation_bytes(spec: ModelSpec, training: TrainingPass) -> int:
    """Activations, and of the phases of a pass, which follow each other, the greatest."""
    phases = _phases(spec, training.micro_batch_sequences * training.sequence_length)
    return _kept_bytes(spec, training) + max(sum(arrays.total_bytes for arrays in phase) for phase in phases)


def _activation_bytes_in_heap(spec: ModelSpec, training: TrainingPass) -> int:
    """The same in the C library's heap: beside the greatest phase there are the holes that the others left."""
    phases = _phases(spec, training.micro_batch_sequences * training.sequence_length)
    holes = [sum(arrays.hole_bytes for arrays in phase) for phase in phases]
    most = max(sum(arrays.heap_bytes for arrays in phase) - hole for phase, hole in zip(phases, holes, strict=True))
    return _kept_bytes(spec, training) * _HEAP_PERCENT // 100 + sum(holes) + most


def _kept_bytes(spec: ModelSpec, training: TrainingPass) -> int:
    """What is kept from the forward pass for the backward one, with the layer that is computed again."""
    layer = saved_bytes(spec, training.compute)
    layers = spec.layers * _FP32 * spec.hidden_size + layer if training.checkpointing else spec.layers * layer
    tokens = training.micro_batch_sequences * training.sequence_length
    return tokens * (layers + _ENDS_HIDDEN * spec.hidden_size)


def _phases(spec: ModelSpec, tokens: int) -> tuple[tuple[_Arrays, ...], ...]:
    """What is alive beside the activations: at the loss, behind it in a layer, and at the embedding."""
    hidden, intermediate = _FP32 * tokens * spec.hidden_size, _FP32 * tokens * spec.intermediate_size
    embedding = 0 if spec.adapter is not None else _EMBEDDING_GRADIENTS[spec.embeddings]
    return (
        (_Arrays(_ENDS_WORD, _FP32 * tokens * spec.vocabulary_size),),
        (_Arrays(_BACKWARD_HIDDEN, hidden), _Arrays(_BACKWARD_INTERMEDIATE, intermediate)),
        (_Arrays(embedding, _FP32 * spec.hidden_size * spec.vocabulary_size),),
    )
