import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from sparewatt.errors import ConflictError
from sparewatt.numeric.initial import initial_weights
from sparewatt.training.model import build, load_flat
from sparewatt.work.hub_config import hub_config
from sparewatt.work.model import ModelSpec, tensors
from sparewatt.work.version import VersionId
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
    trained = build(TIED).config.to_dict()
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
