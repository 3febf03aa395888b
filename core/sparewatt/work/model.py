"""What a model is made of, known without building it.

`tensors` lists the names and shapes that the `transformers` class of the same architecture would have, so that a
size, a download and a memory need are known before any of them happens, and without torch.
"""

from collections.abc import Iterator
from math import prod
from typing import Annotated, Literal

import msgspec

from sparewatt.errors import IntegrityError
from sparewatt.work.bounds import MAXIMUM_PARAMETERS


class ModelSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Llama from bounded integers: the only model that a manifest can ask for.

    Attributes:
        embeddings: ``tied`` uses the token embedding as the output layer, too.
        norm_epsilon_nano: RMS norm epsilon in 1e-9.
    """

    architecture: Literal["llama"]
    vocabulary_size: Annotated[int, msgspec.Meta(ge=2, le=262_144)]
    hidden_size: Annotated[int, msgspec.Meta(ge=8, le=16_384)]
    intermediate_size: Annotated[int, msgspec.Meta(ge=8, le=65_536)]
    layers: Annotated[int, msgspec.Meta(ge=1, le=256)]
    heads: Annotated[int, msgspec.Meta(ge=1, le=256)]
    key_value_heads: Annotated[int, msgspec.Meta(ge=1, le=256)]
    context_length: Annotated[int, msgspec.Meta(ge=8, le=131_072)]
    embeddings: Literal["tied", "separate"] = "tied"
    rope_theta: Annotated[int, msgspec.Meta(ge=1, le=100_000_000)] = 10_000
    norm_epsilon_nano: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10_000


class TensorSpec(msgspec.Struct, frozen=True):
    """Name and shape of one fp32 tensor; the flat order of weights is the order of names."""

    name: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        return prod(self.shape)


def tensors(spec: ModelSpec) -> tuple[TensorSpec, ...]:
    """All trained tensors of `spec`, sorted by name; tied tensors appear once.

    Raises:
        IntegrityError: ``model.heads`` or ``model.size`` when the integers do not make a model of allowed size.
    """
    if spec.hidden_size % (2 * spec.heads) or spec.heads % spec.key_value_heads:
        raise IntegrityError("model.heads", hidden=spec.hidden_size, heads=spec.heads)
    listed = tuple(sorted(_llama(spec), key=lambda tensor: tensor.name))
    if sum(tensor.count for tensor in listed) > MAXIMUM_PARAMETERS:
        raise IntegrityError("model.size", most=MAXIMUM_PARAMETERS)
    return listed


def parameter_count(spec: ModelSpec) -> int:
    """Number of trained numbers."""
    return sum(tensor.count for tensor in tensors(spec))


def flop_per_token(spec: ModelSpec, sequence_length: int) -> int:
    """Training cost of one token: ``6 N + 12 L d s``, the usual count of forward and backward matrix products."""
    return 6 * parameter_count(spec) + 12 * spec.layers * spec.hidden_size * sequence_length


def _llama(spec: ModelSpec) -> Iterator[TensorSpec]:
    head_size = spec.hidden_size // spec.heads
    narrow = head_size * spec.key_value_heads
    hidden, wide = spec.hidden_size, spec.intermediate_size
    yield TensorSpec("model.embed_tokens.weight", (spec.vocabulary_size, hidden))
    yield TensorSpec("model.norm.weight", (hidden,))
    if spec.embeddings == "separate":
        yield TensorSpec("lm_head.weight", (spec.vocabulary_size, hidden))
    for layer in range(spec.layers):
        prefix = f"model.layers.{layer}."
        yield TensorSpec(prefix + "input_layernorm.weight", (hidden,))
        yield TensorSpec(prefix + "post_attention_layernorm.weight", (hidden,))
        yield TensorSpec(prefix + "self_attn.q_proj.weight", (hidden, hidden))
        yield TensorSpec(prefix + "self_attn.k_proj.weight", (narrow, hidden))
        yield TensorSpec(prefix + "self_attn.v_proj.weight", (narrow, hidden))
        yield TensorSpec(prefix + "self_attn.o_proj.weight", (hidden, hidden))
        yield TensorSpec(prefix + "mlp.gate_proj.weight", (wide, hidden))
        yield TensorSpec(prefix + "mlp.up_proj.weight", (wide, hidden))
        yield TensorSpec(prefix + "mlp.down_proj.weight", (hidden, wide))
