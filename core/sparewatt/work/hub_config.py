"""A model's spec as the configuration of its `transformers` class, and back.

Every field that changes what a model computes is written out, so that no default of a library version decides. On the
way back a field that this table does not know, or that has another value than the one it can have here, is refused by
name: what would be ignored would be trained wrongly.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from sparewatt.errors import InputError
from sparewatt.work.architecture import Architecture
from sparewatt.work.model import ModelSpec

Config = dict[str, object]

# What changes nothing that is trained or measured here: names, tokens of a tokenizer, dropout (training here has none),
# how a library runs it.
_WITHOUT_MEANING: Final = frozenset({
    "_name_or_path", "architectures", "attention_dropout", "attention_probs_dropout_prob",
    "attn_implementation", "attn_pdrop", "bos_token_id", "chunk_size_feed_forward", "classifier_dropout",
    "dtype", "embd_pdrop", "eos_token_id", "gradient_checkpointing", "hidden_dropout", "id2label",
    "initializer_range", "label2id", "max_window_layers", "n_ctx", "output_attentions",
    "output_hidden_states", "pad_token_id", "pretraining_tp", "problem_type", "resid_pdrop", "return_dict",
    "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type",
    "summary_use_proj", "task_specific_params", "torch_dtype", "transformers_version", "unk_token_id",
    "use_cache",
})  # fmt: skip
# Off in every model here; a checkpoint that says so says nothing new.
_OFF: Final = MappingProxyType(
    {
        "add_cross_attention": False,
        "is_decoder": False,
        "is_encoder_decoder": False,
        "partial_rotary_factor": 1.0,
        "rope_scaling": None,
        "scale_attn_by_inverse_layer_idx": False,
        "reorder_and_upcast_attn": False,
        "sliding_window": None,
        "use_sliding_window": False,
    }
)
# Sizes that follow from others where a checkpoint leaves them open.
_FOLLOWING: Final = frozenset({"head_dim", "n_inner", "num_key_value_heads"})


def hub_config(spec: ModelSpec) -> Config:
    """What `transformers` calls the configuration of `spec`."""
    return _CONFIGS[spec.architecture](spec)


def spec_of(config: Mapping[str, object]) -> ModelSpec:
    """The spec of a configuration.

    Raises:
        InputError: ``checkpoint.architecture`` for a model type that is not on the allow-list; ``checkpoint.field`` for
            a field that is missing, unknown or has a value that this version cannot train.
    """
    architecture = config.get("model_type")
    read = _READERS.get(architecture) if isinstance(architecture, str) else None
    if read is None:
        raise InputError("checkpoint.architecture", architecture=str(architecture)[:60], known=", ".join(_READERS))
    try:
        spec = msgspec.convert({"architecture": architecture, **read(_Fields(config))}, ModelSpec)
    except msgspec.ValidationError as error:
        raise InputError("checkpoint.field", field=str(error)[:120]) from error
    _check(config, hub_config(spec))
    return spec


def _check(config: Mapping[str, object], expected: Config) -> None:
    for name, value in config.items():
        if name in _WITHOUT_MEANING:
            continue
        wanted = expected.get(name, _OFF.get(name, _Unknown))
        if value is None and name in _FOLLOWING:
            continue
        if name == "layer_types" and isinstance(value, list) and set(value) == {"full_attention"}:
            continue
        if name == "rope_parameters" and isinstance(value, dict) and isinstance(wanted, dict):
            if {**wanted, **value} == wanted:
                continue
        elif _same(value, wanted):
            continue
        raise InputError("checkpoint.field", field=f"{name[:60]} = {str(value)[:60]}")


class _Unknown:
    """Equal to no value."""


def _same(value: object, wanted: object) -> bool:
    if isinstance(value, float) and isinstance(wanted, float):
        return abs(value - wanted) <= 1e-9 * max(1.0, abs(wanted)) + 5e-10
    return type(value) is type(wanted) and value == wanted


class _Fields:
    """Fields of a configuration by name, whole numbers where whole numbers are needed."""

    def __init__(self, config: Mapping[str, object]) -> None:
        self._config = config

    def number(self, name: str, default: int | None = None) -> int:
        value = self._config.get(name)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            raise InputError("checkpoint.field", field=f"{name} = {str(value)[:60]}")
        return value

    def fraction(self, name: str, default: float) -> float:
        value = self._config.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError("checkpoint.field", field=f"{name} = {str(value)[:60]}")
        return float(value)

    def switch(self, name: str, default: bool) -> bool:
        value = self._config.get(name, default)
        if not isinstance(value, bool):
            raise InputError("checkpoint.field", field=f"{name} = {str(value)[:60]}")
        return value

    def rope(self) -> "_Fields":
        """Where rotary parameters are: of their own since transformers 5, beside the others before."""
        found = self._config.get("rope_parameters")
        return _Fields({**self._config, **found}) if isinstance(found, dict) else self


def _llama_config(spec: ModelSpec) -> Config:
    name = {"llama": "Llama", "qwen2": "Qwen2", "qwen3": "Qwen3"}[spec.architecture]
    config: Config = {
        **_shared(spec, f"{name}ForCausalLM"),
        "num_key_value_heads": spec.key_value_heads,
        "rope_parameters": {"rope_type": "default", "rope_theta": float(spec.rope_theta)},
        # For versions of transformers before 5, which read it here.
        "rope_theta": float(spec.rope_theta),
        "rms_norm_eps": spec.norm_epsilon_nano * 1e-9,
        "hidden_act": "silu",
        "attention_dropout": 0.0,
    }
    if spec.architecture != "qwen2":
        config |= {"head_dim": spec.head, "attention_bias": False}
    if spec.architecture == "llama":
        config["mlp_bias"] = False
    else:
        config["use_sliding_window"] = False
    return config


def _gpt2_config(spec: ModelSpec) -> Config:
    return {
        **_common(spec, "GPT2LMHeadModel"),
        "n_embd": spec.hidden_size,
        "n_inner": spec.intermediate_size,
        "n_layer": spec.layers,
        "n_head": spec.heads,
        "n_positions": spec.context_length,
        "layer_norm_epsilon": spec.norm_epsilon_nano * 1e-9,
        "activation_function": "gelu_new",
        "scale_attn_weights": True,
        "resid_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "attn_pdrop": 0.0,
    }


def _gpt_neox_config(spec: ModelSpec) -> Config:
    share = spec.rotary_share_micro * 1e-6
    return {
        **_shared(spec, "GPTNeoXForCausalLM"),
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": float(spec.rope_theta),
            "partial_rotary_factor": share,
        },
        # For versions of transformers before 5.
        "rotary_emb_base": float(spec.rope_theta),
        "rotary_pct": share,
        "layer_norm_eps": spec.norm_epsilon_nano * 1e-9,
        "hidden_act": "gelu",
        "attention_bias": True,
        "use_parallel_residual": spec.residual == "parallel",
        "attention_dropout": 0.0,
        "hidden_dropout": 0.0,
    }


def _shared(spec: ModelSpec, class_name: str) -> Config:
    return {
        **_common(spec, class_name),
        "hidden_size": spec.hidden_size,
        "intermediate_size": spec.intermediate_size,
        "num_hidden_layers": spec.layers,
        "num_attention_heads": spec.heads,
        "max_position_embeddings": spec.context_length,
    }


def _common(spec: ModelSpec, class_name: str) -> Config:
    return {
        "architectures": [class_name],
        "model_type": spec.architecture,
        "vocab_size": spec.vocabulary_size,
        "tie_word_embeddings": spec.embeddings == "tied",
        "initializer_range": 0.02,
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
        "dtype": "float32",
        "use_cache": True,
    }


def _read_llama(fields: _Fields) -> Config:
    heads, hidden = fields.number("num_attention_heads"), fields.number("hidden_size")
    head = fields.number("head_dim", 0)
    return {
        **_read_shared(fields, tied=False),
        "key_value_heads": fields.number("num_key_value_heads", heads),
        "norm_epsilon_nano": round(fields.fraction("rms_norm_eps", 1e-6) * 1e9),
        "rope_theta": round(fields.rope().fraction("rope_theta", 10_000.0)),
        "head_size": 0 if heads > 0 and head * heads == hidden else head,
    }


def _read_gpt2(fields: _Fields) -> Config:
    hidden = fields.number("n_embd")
    return {
        "vocabulary_size": fields.number("vocab_size"),
        "hidden_size": hidden,
        "intermediate_size": fields.number("n_inner", 4 * hidden),
        "layers": fields.number("n_layer"),
        "heads": fields.number("n_head"),
        "key_value_heads": fields.number("n_head"),
        "context_length": fields.number("n_positions"),
        "embeddings": "tied" if fields.switch("tie_word_embeddings", True) else "separate",
        "norm_epsilon_nano": round(fields.fraction("layer_norm_epsilon", 1e-5) * 1e9),
    }


def _read_gpt_neox(fields: _Fields) -> Config:
    rope = fields.rope()
    return {
        **_read_shared(fields, tied=False),
        "key_value_heads": fields.number("num_attention_heads"),
        "norm_epsilon_nano": round(fields.fraction("layer_norm_eps", 1e-5) * 1e9),
        "rope_theta": round(rope.fraction("rope_theta", rope.fraction("rotary_emb_base", 10_000.0))),
        "rotary_share_micro": round(rope.fraction("partial_rotary_factor", rope.fraction("rotary_pct", 0.25)) * 1e6),
        "residual": "parallel" if fields.switch("use_parallel_residual", True) else "sequential",
    }


def _read_shared(fields: _Fields, *, tied: bool) -> Config:
    return {
        "vocabulary_size": fields.number("vocab_size"),
        "hidden_size": fields.number("hidden_size"),
        "intermediate_size": fields.number("intermediate_size"),
        "layers": fields.number("num_hidden_layers"),
        "heads": fields.number("num_attention_heads"),
        "context_length": fields.number("max_position_embeddings"),
        "embeddings": "tied" if fields.switch("tie_word_embeddings", tied) else "separate",
    }


_CONFIGS: Final[Mapping[Architecture, Callable[[ModelSpec], Config]]] = MappingProxyType(
    {
        "llama": _llama_config,
        "qwen2": _llama_config,
        "qwen3": _llama_config,
        "gpt2": _gpt2_config,
        "gpt_neox": _gpt_neox_config,
    }
)
_READERS: Final[Mapping[str, Callable[[_Fields], Config]]] = MappingProxyType(
    {
        "llama": _read_llama,
        "qwen2": _read_llama,
        "qwen3": _read_llama,
        "gpt2": _read_gpt2,
        "gpt_neox": _read_gpt_neox,
    }
)
