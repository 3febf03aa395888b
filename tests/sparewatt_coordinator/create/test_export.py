import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from peft import PeftModel, get_peft_model_state_dict
from transformers import AutoModelForCausalLM, PretrainedConfig

from sparewatt.errors import ConflictError
from sparewatt.numeric.initial import initial_weights
from sparewatt.training.model import build, load_flat
from sparewatt.work.adapter import AdapterSpec
from sparewatt.work.hub_config import hub_config
from sparewatt.work.manifest import FrozenBase
from sparewatt.work.model import ModelSpec, parameter_count, tensors
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.create.export import ExportFacts, export_version
from sparewatt_coordinator.testing.runs import manifest

TIED = ModelSpec("llama", 256, 32, 48, 2, 4, 2, 64, rope_theta=20_000, norm_epsilon_nano=5_000)
SEPARATE = msgspec.structs.replace(TIED, embeddings="separate")


def facts(spec: ModelSpec) -> ExportFacts:
    of = msgspec.structs.replace(manifest(), model=spec, licence="CC0-1.0")
    return ExportFacts("a" * 64, of, VersionId(0, 7, "b" * 64), tokens=61_440, loss_micro=1_234_567)


@pytest.mark.parametrize("spec", [TIED, SEPARATE], ids=["tied", "separate"])
def test_transformers_loads_exactly_the_exported_weights(spec: ModelSpec, tmp_path: Path) -> None:
    weights = initial_weights(spec, 3)
    export_version(facts(spec), weights, tmp_path / "checkpoint")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "checkpoint")
    state, first = model.state_dict(), 0
    for tensor in tensors(spec):
        part = weights[first : first + tensor.count]
        first += tensor.count
        assert np.array_equal(state[tensor.name].numpy().reshape(-1), part), tensor.name
    assert model.dtype == torch.float32


def test_the_loaded_model_computes_what_was_trained(tmp_path: Path) -> None:
    weights = initial_weights(TIED, 3) * 5
    export_version(facts(TIED), weights, tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    trained = build(TIED)
    load_flat(trained, TIED, weights)
    tokens = torch.arange(64)[None]
    with torch.inference_mode():
        assert torch.equal(loaded(tokens).logits, trained(tokens).logits)


def test_the_configuration_states_every_field_of_the_trained_model() -> None:
    configuration = build(TIED).config
    assert isinstance(configuration, PretrainedConfig)
    trained = configuration.to_dict()
    for name, value in hub_config(TIED).items():
        if name in {"architectures", "dtype", "rope_theta"}:
            continue
        assert trained[name] == value, name


def test_the_readme_names_licence_run_and_version(tmp_path: Path) -> None:
    export_version(facts(TIED), initial_weights(TIED, 3), tmp_path)
    text = (tmp_path / "README.md").read_text()
    for part in ("CC0-1.0", "a" * 64, "b" * 64, "1.2346 nats per byte", "bytes"):
        assert part in text
    assert json.loads((tmp_path / "config.json").read_text())["vocab_size"] == 256


def test_a_checkpoint_is_never_overwritten(tmp_path: Path) -> None:
    export_version(facts(TIED), initial_weights(TIED, 3), tmp_path)
    with pytest.raises(ConflictError, match=r"export\.exists"):
        export_version(facts(TIED), initial_weights(TIED, 4), tmp_path)


ADAPTED = msgspec.structs.replace(TIED, adapter=AdapterSpec(4, 8, ("mlp.up_proj", "self_attn.q_proj")))


def adapter_facts() -> ExportFacts:
    of = msgspec.structs.replace(
        manifest(), task="causal-lm-lora", model=ADAPTED, frozen=FrozenBase(BlobRef("f" * 64, 9), "e" * 64)
    )
    return ExportFacts("a" * 64, of, VersionId(0, 7, "b" * 64), tokens=61_440)


# `peft` asks transformers for a property under its old name as it wraps a model; nothing of Sparewatt does.
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_peft_loads_exactly_the_exported_adapter(tmp_path: Path) -> None:
    weights = (np.random.default_rng(7).standard_normal(parameter_count(ADAPTED)) * 0.1).astype(np.float32)
    export_version(adapter_facts(), weights, tmp_path / "adapter")
    base = build(TIED)
    load_flat(base, TIED, initial_weights(TIED, 3))
    loaded = PeftModel.from_pretrained(base, tmp_path / "adapter")
    state, first = get_peft_model_state_dict(loaded), 0
    for tensor in tensors(ADAPTED):
        part = weights[first : first + tensor.count]
        first += tensor.count
        assert np.array_equal(state[tensor.name].numpy().reshape(-1), part), tensor.name
    assert len(state) == len(tensors(ADAPTED))


def test_the_readme_of_an_adapter_says_what_it_stands_on(tmp_path: Path) -> None:
    export_version(adapter_facts(), initial_weights(ADAPTED, 3), tmp_path)
    text = (tmp_path / "README.md").read_text()
    for part in ("e" * 64, "PeftModel", "MODEL"):
        assert part in text
    assert {path.name for path in tmp_path.iterdir()} == {
        "README.md", "adapter_config.json", "adapter_model.safetensors",
    }  # fmt: skip


def test_the_tokenizer_comes_along(tmp_path: Path) -> None:
    export_version(replace(facts(TIED), tokenizer=b"{}"), initial_weights(TIED, 3), tmp_path)
    assert (tmp_path / "tokenizer.json").read_bytes() == b"{}"
    assert "tokenizer.decode" in (tmp_path / "README.md").read_text()
