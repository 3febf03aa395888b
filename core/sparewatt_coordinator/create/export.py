"""A version as a folder that `transformers` loads without Sparewatt. No torch is needed to write it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sparewatt.durable import make_folder, replace_file, storage_errors, sync_folder
from sparewatt.errors import ConflictError
from sparewatt.numeric.keyframe import write_keyframe
from sparewatt.numeric.weights import Weights
from sparewatt.work.manifest import Manifest
from sparewatt.work.model import ModelSpec
from sparewatt.work.version import VersionId

WEIGHTS_FILE: Final = "model.safetensors"
CONFIG_FILE: Final = "config.json"
README_FILE: Final = "README.md"


@dataclass(frozen=True)
class ExportFacts:
    """What the checkpoint says of itself.

    Attributes:
        loss_micro: held-out loss in 1e-6 nats per byte, where it was measured.
    """

    run: str
    manifest: Manifest
    version: VersionId
    tokens: int
    loss_micro: int | None = None


def export_version(facts: ExportFacts, weights: Weights, folder: Path) -> None:
    """Write ``config.json``, ``model.safetensors`` and ``README.md`` to `folder`, which is made; the weights come last,
    so that a folder that has them is whole.

    Args:
        weights: flat fp32 weights of `facts.version`, as `numeric.version_file.load_version` gives them.

    Raises:
        ConflictError: ``export.exists`` when the folder holds a checkpoint already.
        StorageError: ``storage.full``, ``storage.unusable``.
        IntegrityError: ``weights.size``.
    """
    if (folder / WEIGHTS_FILE).exists():
        raise ConflictError("export.exists", folder=str(folder))
    spec = facts.manifest.model
    with storage_errors(folder):
        make_folder(folder)
        replace_file(folder / CONFIG_FILE, (json.dumps(transformers_config(spec), indent=2) + "\n").encode())
        replace_file(folder / README_FILE, readme(facts).encode())
        beside = folder / f"{WEIGHTS_FILE}.new"
        with beside.open("wb") as sink:
            write_keyframe(spec, weights, sink)
            sink.flush()
            os.fsync(sink.fileno())
        beside.replace(folder / WEIGHTS_FILE)
        sync_folder(folder)


def transformers_config(spec: ModelSpec) -> dict[str, object]:
    """The configuration of the `transformers` class that was trained, every field that matters written out."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": spec.vocabulary_size,
        "hidden_size": spec.hidden_size,
        "intermediate_size": spec.intermediate_size,
        "num_hidden_layers": spec.layers,
        "num_attention_heads": spec.heads,
        "num_key_value_heads": spec.key_value_heads,
        "head_dim": spec.hidden_size // spec.heads,
        "max_position_embeddings": spec.context_length,
        "tie_word_embeddings": spec.embeddings == "tied",
        "rope_parameters": {"rope_type": "default", "rope_theta": float(spec.rope_theta)},
        # For versions of transformers before 5, which read it here.
        "rope_theta": float(spec.rope_theta),
        "rms_norm_eps": spec.norm_epsilon_nano * 1e-9,
        "hidden_act": "silu",
        "attention_bias": False,
        "attention_dropout": 0.0,
        "mlp_bias": False,
        "initializer_range": 0.02,
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
        "dtype": "float32",
        "use_cache": True,
    }


def readme(facts: ExportFacts) -> str:
    """What the checkpoint is, under which licence, and how to use it."""
    manifest = facts.manifest
    loss = f"{facts.loss_micro / 1e6:.4f} nats per byte" if facts.loss_micro is not None else "not measured"
    return f"""# {manifest.title}

{manifest.purpose}

| | |
|---|---|
| organiser | {manifest.organiser} |
| licence | {manifest.licence} |
| data | {manifest.data.description} |
| run | `{facts.run}` |
| version | branch {facts.version.branch}, number {facts.version.number} |
| SHA-256 of the weights | `{facts.version.sha256}` |
| tokens | {facts.tokens} |
| held-out loss | {loss} |
| checks | updates were not audited; only contributors whom the organiser trusts carried weight |

The hash is over the canonical list of (name, shape, SHA-256 of little-endian fp32) of all tensors, not over a file.

Tokens are bytes: there is no tokenizer. To continue a text:

```python
import torch
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained(".")
tokens = torch.tensor([list("def main".encode())])
written = model.generate(tokens, max_new_tokens=100, do_sample=True, temperature=0.8, pad_token_id=0)
print(bytes(written[0].tolist()).decode(errors="replace"))
```
"""
