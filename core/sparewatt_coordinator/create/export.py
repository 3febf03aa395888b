"""A version as a folder that `transformers` or `peft` loads without Sparewatt. No torch is needed to write it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sparewatt.durable import make_folder, replace_file, storage_errors, sync_folder
from sparewatt.errors import ConflictError
from sparewatt.numeric.keyframe import write_keyframe
from sparewatt.numeric.weights import Weights
from sparewatt.work.adapter import AdapterSpec
from sparewatt.work.hub_config import hub_config
from sparewatt.work.manifest import Manifest
from sparewatt.work.model import ModelSpec
from sparewatt.work.version import VersionId
from sparewatt_coordinator.create.tokens import TOKENIZER_FILE

WEIGHTS_FILE: Final = "model.safetensors"
CONFIG_FILE: Final = "config.json"
ADAPTER_WEIGHTS_FILE: Final = "adapter_model.safetensors"
ADAPTER_CONFIG_FILE: Final = "adapter_config.json"
README_FILE: Final = "README.md"


@dataclass(frozen=True)
class ExportFacts:
    """What the checkpoint says of itself.

    Attributes:
        loss_micro: held-out loss in 1e-6 nats of the run's unit, where it was measured.
        tokenizer: the run's ``tokenizer.json``; None where tokens are bytes.
    """

    run: str
    manifest: Manifest
    version: VersionId
    tokens: int
    loss_micro: int | None = None
    tokenizer: bytes | None = None


def export_version(facts: ExportFacts, weights: Weights, folder: Path) -> None:
    """Write configuration, weights, ``README.md`` and, where there is one, ``tokenizer.json`` to `folder`, which is
    made; the weights come last, so that a folder that has them is whole.

    Args:
        weights: flat fp32 weights of `facts.version`, as `numeric.version_file.load_version` gives them.

    Raises:
        ConflictError: ``export.exists`` when the folder holds a checkpoint already.
        StorageError: ``storage.full``, ``storage.unusable``.
        IntegrityError: ``weights.size``.
    """
    spec = facts.manifest.model
    names = (CONFIG_FILE, WEIGHTS_FILE) if spec.adapter is None else (ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE)
    config_file, weights_file = (folder / name for name in names)
    if weights_file.exists():
        raise ConflictError("export.exists", folder=str(folder))
    config = hub_config(spec) if spec.adapter is None else adapter_config(spec, spec.adapter)
    with storage_errors(folder):
        make_folder(folder)
        replace_file(config_file, (json.dumps(config, indent=2) + "\n").encode())
        replace_file(folder / README_FILE, readme(facts).encode())
        if facts.tokenizer is not None:
            replace_file(folder / TOKENIZER_FILE, facts.tokenizer)
        beside = weights_file.with_name(f"{weights_file.name}.new")
        with beside.open("wb") as sink:
            write_keyframe(spec, weights, sink)
            sink.flush()
            os.fsync(sink.fileno())
        beside.replace(weights_file)
        sync_folder(folder)


def adapter_config(spec: ModelSpec, adapter: AdapterSpec) -> dict[str, object]:
    """What `peft` calls the configuration of an adapter."""
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": None,
        "r": adapter.rank,
        "lora_alpha": adapter.alpha,
        "target_modules": list(adapter.targets),
        "lora_dropout": 0.0,
        "bias": "none",
        # GPT-2 keeps its matrices transposed.
        "fan_in_fan_out": spec.architecture == "gpt2",
        "inference_mode": True,
    }


def readme(facts: ExportFacts) -> str:
    """What the checkpoint is, under which licence, and how to use it."""
    manifest = facts.manifest
    unit = manifest.data.loss_unit.replace("_", " ")
    loss = f"{facts.loss_micro / 1e6:.4f} {unit}" if facts.loss_micro is not None else "not measured"
    rows = [
        ("organiser", manifest.organiser),
        ("licence", manifest.licence),
        ("data", manifest.data.description),
        ("run", f"`{facts.run}`"),
        ("version", f"branch {facts.version.branch}, number {facts.version.number}"),
        ("SHA-256 of the weights", f"`{facts.version.sha256}`"),
        ("tokens", str(facts.tokens)),
        ("held-out loss", loss),
        ("checks", "updates were not audited; only contributors whom the organiser trusts carried weight"),
    ]
    if manifest.data.record is not None and manifest.data.record.licence:
        rows.insert(3, ("licence of the data", manifest.data.record.licence))
    if manifest.frozen is not None:
        rows.insert(-4, ("SHA-256 of the model's weights", f"`{manifest.frozen.sha256}`"))
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"""# {manifest.title}

{manifest.purpose}

| | |
|---|---|
{table}

A hash is over the canonical list of (name, shape, SHA-256 of little-endian fp32) of all tensors, not over a file.

{_usage(facts)}"""


def _usage(facts: ExportFacts) -> str:
    load = 'model = AutoModelForCausalLM.from_pretrained(".")'
    imports = "from transformers import AutoModelForCausalLM"
    note = ""
    if facts.manifest.frozen is not None:
        load = 'model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("MODEL"), ".")'
        imports = f"from peft import PeftModel\n{imports}"
        note = "This is an adapter: MODEL is the folder of the model that the run was made from.\n\n"
    if facts.tokenizer is None:
        return f"""{note}Tokens are bytes: there is no tokenizer. To continue a text:

```python
import torch
{imports}

{load}
tokens = torch.tensor([list("def main".encode())])
written = model.generate(tokens, max_new_tokens=100, do_sample=True, temperature=0.8, pad_token_id=0)
print(bytes(written[0].tolist()).decode(errors="replace"))
```
"""
    return f"""{note}To continue a text:

```python
import torch
from tokenizers import Tokenizer
{imports}

{load}
tokenizer = Tokenizer.from_file("{TOKENIZER_FILE}")
tokens = torch.tensor([tokenizer.encode("def main", add_special_tokens=False).ids])
written = model.generate(tokens, max_new_tokens=100, do_sample=True, temperature=0.8, pad_token_id=0)
print(tokenizer.decode(written[0].tolist()))
```
"""
