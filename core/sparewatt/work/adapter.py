"""Low-rank adapters: small matrices beside some of a frozen model's own, and all that is trained.

W x becomes W x + (alpha / rank) B A x (Hu et al., LoRA: low-rank adaptation of large language models, 2021).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

import msgspec

from sparewatt.work.architecture import Architecture

_LLAMA: Final = (
    "mlp.down_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "self_attn.k_proj",
    "self_attn.o_proj",
    "self_attn.q_proj",
    "self_attn.v_proj",
)
# The matrices of one layer that can have an adapter, by the end of their names.
LAYERS: Final[Mapping[Architecture, tuple[str, ...]]] = MappingProxyType(
    {
        "llama": _LLAMA,
        "qwen2": _LLAMA,
        "qwen3": _LLAMA,
        "gpt2": ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"),
        "gpt_neox": ("attention.dense", "attention.query_key_value", "mlp.dense_4h_to_h", "mlp.dense_h_to_4h"),
    }
)
Target = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=r"^[a-z0-9_.]+\Z")]


class AdapterSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A low-rank adapter.

    Attributes:
        alpha: scales what the adapter adds, together with its rank.
        targets: which matrices of every layer, from `LAYERS`, sorted.
    """

    rank: Annotated[int, msgspec.Meta(ge=1, le=256)]
    alpha: Annotated[int, msgspec.Meta(ge=1, le=1_024)]
    targets: Annotated[tuple[Target, ...], msgspec.Meta(min_length=1, max_length=8)]

    def __post_init__(self) -> None:
        if list(self.targets) != sorted(set(self.targets)):
            raise ValueError("an adapter's targets are sorted, each named once")
