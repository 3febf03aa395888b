"""What a model is made of, known without building it.

`tensors` lists the names and shapes that the `transformers` class of the same architecture would have, so that a
size, a download and a memory need are known before any of them happens, and without torch. A spec with an adapter
trains the adapter's tensors alone; what they stand on is frozen.
"""

from collections.abc import Callable, Iterator, Mapping
from math import prod
from types import MappingProxyType
from typing import Annotated, Final, Literal

import msgspec

from sparewatt.errors import IntegrityError
from sparewatt.work.adapter import LAYERS, AdapterSpec
from sparewatt.work.architecture import Architecture
from sparewatt.work.bounds import MAXIMUM_PARAMETERS

# The output layer's tensor, which a class has even where it is the token embedding.
OUTPUT_NAME: Final = "lm_head.weight"
# What `peft` puts before the names of a model's own layers in the file of an adapter.
ADAPTER_PREFIX: Final = "base_model.model."


class ModelSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model from bounded integers: all that a manifest can ask for.

    Attributes:
        architecture: one of an allow-list of `transformers` model types.
        embeddings: ``tied`` uses the token embedding as the output layer, too.
        norm_epsilon_nano: epsilon of its norms in 1e-9.
        head_size: of one attention head; 0 for hidden size / heads, the only one but for ``qwen3``.
        rotary_share_micro: share of a head that positions turn, in 1e-6; for ``gpt_neox`` only.
        residual: whether attention and feed-forward stand side by side or in turn; for ``gpt_neox`` only.
        adapter: what is trained instead of the model's own tensors.
    """

    architecture: Architecture
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
    head_size: Annotated[int, msgspec.Meta(ge=0, le=1_024)] = 0
    rotary_share_micro: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 1_000_000
    residual: Literal["parallel", "sequential"] = "parallel"
    adapter: AdapterSpec | None = None

    @property
    def head(self) -> int:
        """Numbers of one attention head."""
        return self.head_size or self.hidden_size // self.heads


class TensorSpec(msgspec.Struct, frozen=True):
    """Name and shape of one fp32 tensor; the flat order of weights is the order of names.

    Attributes:
        start: how it is drawn for a new model: ``residual`` for a projection into the residual stream, ``adapter`` for
            the first matrix of a low-rank adapter.
    """

    name: str
    shape: tuple[int, ...]
    start: Literal["normal", "residual", "ones", "zeros", "adapter"] = "normal"

    @property
    def count(self) -> int:
        return prod(self.shape)


def tensors(spec: ModelSpec) -> tuple[TensorSpec, ...]:
    """All trained tensors of `spec`, sorted by name; tied tensors appear once.

    Raises:
        IntegrityError: ``model.heads`` or ``model.size`` when the integers do not make a model of allowed size;
            ``model.adapter`` when an adapter names a layer that the architecture does not have.
    """
    own = _own_tensors(spec)
    return own if spec.adapter is None else _adapter_tensors(spec, spec.adapter, own)


def frozen_tensors(spec: ModelSpec) -> tuple[TensorSpec, ...]:
    """The tensors that an adapter stands on, sorted by name; none where the whole model is trained.

    Raises:
        IntegrityError: as `tensors`.
    """
    return () if spec.adapter is None else _own_tensors(spec)


def base_of(spec: ModelSpec) -> ModelSpec:
    """The model without its adapter."""
    return msgspec.structs.replace(spec, adapter=None)


def parameter_count(spec: ModelSpec) -> int:
    """Number of trained numbers."""
    return sum(tensor.count for tensor in tensors(spec))


def frozen_count(spec: ModelSpec) -> int:
    """Number of numbers that an adapter stands on."""
    return sum(tensor.count for tensor in frozen_tensors(spec))


def flop_per_token(spec: ModelSpec, sequence_length: int) -> int:
    """Training cost of one token: ``6 N + 12 L d s``, the usual count of forward and backward matrix products.

    A frozen number costs 4 instead of 6: nothing asks for its own gradient, but gradients pass through it.
    """
    numbers = 6 * parameter_count(spec) + 4 * frozen_count(spec)
    return numbers + 12 * spec.layers * spec.heads * spec.head * sequence_length


def embedding_name(spec: ModelSpec) -> str:
    """Name of the token embedding."""
    return _EMBEDDINGS[spec.architecture]


def _own_tensors(spec: ModelSpec) -> tuple[TensorSpec, ...]:
    if not _heads_fit(spec):
        raise IntegrityError("model.heads", hidden=spec.hidden_size, heads=spec.heads)
    listed = tuple(sorted(_TENSORS[spec.architecture](spec), key=lambda tensor: tensor.name))
    if sum(tensor.count for tensor in listed) > MAXIMUM_PARAMETERS:
        raise IntegrityError("model.size", most=MAXIMUM_PARAMETERS)
    return listed


def _adapter_tensors(spec: ModelSpec, adapter: AdapterSpec, own: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    """Two matrices for each adapted one: A (rank x inputs) and B (outputs x rank), under the names that `peft` uses."""
    unknown = [target for target in adapter.targets if target not in LAYERS[spec.architecture]]
    if unknown:
        raise IntegrityError("model.adapter", target=unknown[0], known=", ".join(LAYERS[spec.architecture]))
    transposed = spec.architecture == "gpt2"
    listed: list[TensorSpec] = []
    for tensor in own:
        layer, _, kind = tensor.name.rpartition(".")
        if kind == "weight" and any(layer.endswith(f".{target}") for target in adapter.targets):
            outputs, inputs = reversed(tensor.shape) if transposed else tensor.shape
            name = f"{ADAPTER_PREFIX}{layer}.lora_"
            listed.append(TensorSpec(f"{name}A.weight", (adapter.rank, inputs), "adapter"))
            listed.append(TensorSpec(f"{name}B.weight", (outputs, adapter.rank), "zeros"))
    return tuple(sorted(listed, key=lambda tensor: tensor.name))


def _heads_fit(spec: ModelSpec) -> bool:
    if spec.heads % spec.key_value_heads or spec.head % 2:
        return False
    own_size = spec.architecture == "qwen3" and spec.head_size > 0
    if not own_size and (spec.head_size or spec.hidden_size % spec.heads):
        return False
    return spec.architecture in _GROUPED or spec.heads == spec.key_value_heads


def _llama(spec: ModelSpec) -> Iterator[TensorSpec]:
    """Llama, and Qwen 2 and 3, which add biases and norms to its attention."""
    hidden, wide, narrow, own = spec.hidden_size, spec.intermediate_size, spec.key_value_heads, spec.heads
    queries, keys = own * spec.head, narrow * spec.head
    yield TensorSpec("model.embed_tokens.weight", (spec.vocabulary_size, hidden))
    yield TensorSpec("model.norm.weight", (hidden,), "ones")
    yield from _output(spec)
    for layer in range(spec.layers):
        prefix = f"model.layers.{layer}."
        attention = prefix + "self_attn."
        yield TensorSpec(prefix + "input_layernorm.weight", (hidden,), "ones")
        yield TensorSpec(prefix + "post_attention_layernorm.weight", (hidden,), "ones")
        for name, size in (("q", queries), ("k", keys), ("v", keys)):
            yield TensorSpec(f"{attention}{name}_proj.weight", (size, hidden))
            if spec.architecture == "qwen2":
                yield TensorSpec(f"{attention}{name}_proj.bias", (size,), "zeros")
            if spec.architecture == "qwen3" and name != "v":
                yield TensorSpec(f"{attention}{name}_norm.weight", (spec.head,), "ones")
        yield TensorSpec(attention + "o_proj.weight", (hidden, queries), "residual")
        yield TensorSpec(prefix + "mlp.gate_proj.weight", (wide, hidden))
        yield TensorSpec(prefix + "mlp.up_proj.weight", (wide, hidden))
        yield TensorSpec(prefix + "mlp.down_proj.weight", (hidden, wide), "residual")


def _gpt2(spec: ModelSpec) -> Iterator[TensorSpec]:
    hidden, wide = spec.hidden_size, spec.intermediate_size
    yield TensorSpec("transformer.wte.weight", (spec.vocabulary_size, hidden))
    yield TensorSpec("transformer.wpe.weight", (spec.context_length, hidden))
    yield from _norm("transformer.ln_f", hidden)
    yield from _output(spec)
    for layer in range(spec.layers):
        prefix = f"transformer.h.{layer}."
        yield from _norm(prefix + "ln_1", hidden)
        yield from _norm(prefix + "ln_2", hidden)
        # GPT-2 keeps its matrices transposed: inputs x outputs.
        yield from _linear(prefix + "attn.c_attn", (hidden, 3 * hidden), 3 * hidden)
        yield from _linear(prefix + "attn.c_proj", (hidden, hidden), hidden, "residual")
        yield from _linear(prefix + "mlp.c_fc", (hidden, wide), wide)
        yield from _linear(prefix + "mlp.c_proj", (wide, hidden), hidden, "residual")


def _gpt_neox(spec: ModelSpec) -> Iterator[TensorSpec]:
    hidden, wide = spec.hidden_size, spec.intermediate_size
    yield TensorSpec("gpt_neox.embed_in.weight", (spec.vocabulary_size, hidden))
    yield from _norm("gpt_neox.final_layer_norm", hidden)
    yield from _output(spec)
    for layer in range(spec.layers):
        prefix = f"gpt_neox.layers.{layer}."
        yield from _norm(prefix + "input_layernorm", hidden)
        yield from _norm(prefix + "post_attention_layernorm", hidden)
        yield from _linear(prefix + "attention.query_key_value", (3 * hidden, hidden), 3 * hidden)
        yield from _linear(prefix + "attention.dense", (hidden, hidden), hidden, "residual")
        yield from _linear(prefix + "mlp.dense_h_to_4h", (wide, hidden), wide)
        yield from _linear(prefix + "mlp.dense_4h_to_h", (hidden, wide), hidden, "residual")


def _output(spec: ModelSpec) -> Iterator[TensorSpec]:
    if spec.embeddings == "separate":
        yield TensorSpec(OUTPUT_NAME, (spec.vocabulary_size, spec.hidden_size))


def _norm(name: str, size: int) -> Iterator[TensorSpec]:
    yield TensorSpec(f"{name}.weight", (size,), "ones")
    yield TensorSpec(f"{name}.bias", (size,), "zeros")


def _linear(
    name: str, shape: tuple[int, int], outputs: int, start: Literal["normal", "residual"] = "normal"
) -> Iterator[TensorSpec]:
    yield TensorSpec(f"{name}.weight", shape, start)
    yield TensorSpec(f"{name}.bias", (outputs,), "zeros")


_TENSORS: Final[Mapping[Architecture, Callable[[ModelSpec], Iterator[TensorSpec]]]] = MappingProxyType(
    {"llama": _llama, "qwen2": _llama, "qwen3": _llama, "gpt2": _gpt2, "gpt_neox": _gpt_neox}
)
_EMBEDDINGS: Final[Mapping[Architecture, str]] = MappingProxyType(
    {
        "llama": "model.embed_tokens.weight",
        "qwen2": "model.embed_tokens.weight",
        "qwen3": "model.embed_tokens.weight",
        "gpt2": "transformer.wte.weight",
        "gpt_neox": "gpt_neox.embed_in.weight",
    }
)
# Several query heads may share a key and a value.
_GROUPED: Final = frozenset({"llama", "qwen2", "qwen3"})
