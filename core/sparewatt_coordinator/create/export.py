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
from sparewatt.work.hub_config import hub_config
from sparewatt.work.manifest import Manifest
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
        replace_file(folder / CONFIG_FILE, (json.dumps(hub_config(spec), indent=2) + "\n").encode())
        replace_file(folder / README_FILE, readme(facts).encode())
        beside = folder / f"{WEIGHTS_FILE}.new"
        with beside.open("wb") as sink:
            write_keyframe(spec, weights, sink)
            sink.flush()
            os.fsync(sink.fileno())
        beside.replace(folder / WEIGHTS_FILE)
        sync_folder(folder)


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
