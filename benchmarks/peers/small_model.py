"""A contributor's part of the task as plain PyTorch: what every other project's script trains.

Nothing of Sparewatt is imported here, for it runs in the environments of others.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

CONFIG_FILE: Final = "config.json"
WEIGHTS_FILE: Final = "model.safetensors"
TOKENS_FILE: Final = "tokens"
HELD_OUT_FILE: Final = "held-out"
TASK_FILE: Final = "task.json"


def task_facts(folder: Path) -> dict[str, Any]:
    """What `task.prepare` wrote down."""
    found: dict[str, Any] = json.loads((folder / TASK_FILE).read_text(encoding="utf-8"))
    return found


def load_model(config: Path, weights: Path) -> torch.nn.Module:
    """A model of a checkpoint's configuration with the weights of a file."""
    torch.set_num_threads(1)
    model = LlamaForCausalLM(LlamaConfig.from_dict(json.loads(config.read_text(encoding="utf-8"))))
    missing = model.load_state_dict(load_file(weights), strict=False)
    assert not missing.unexpected_keys, missing
    model.tie_weights()
    return model


def start_model(folder: Path) -> torch.nn.Module:
    """The model that every arm starts from."""
    return load_model(folder / "start" / CONFIG_FILE, folder / "start" / WEIGHTS_FILE)


def save_weights(model: torch.nn.Module, path: Path) -> None:
    """Write a model's parameters, each once, whole or not at all."""
    beside = path.with_suffix(".new")
    save_file({name: each.detach().contiguous().clone() for name, each in model.named_parameters()}, beside)
    beside.replace(path)


def batches(folder: Path, index: int) -> Iterator[torch.Tensor]:
    """The batches of contributor `index`: every second one of the training tokens, from the front."""
    facts = task_facts(folder)
    shape = (-1, facts["batch_sequences"], facts["sequence_length"])
    tokens = torch.frombuffer(bytearray((folder / TOKENS_FILE).read_bytes()), dtype=torch.uint8)
    yield from tokens.reshape(shape)[index :: facts["contributors"]].long()


def optimiser_of(model: torch.nn.Module, facts: dict[str, Any]) -> torch.optim.AdamW:
    """AdamW as the run's manifest has it."""
    return torch.optim.AdamW(
        model.parameters(),
        lr=facts["rate"],
        betas=tuple(facts["betas"]),
        eps=facts["epsilon"],
        weight_decay=facts["weight_decay"],
    )


def rate_at(facts: dict[str, Any], step: int) -> float:
    """Learning rate of an inner step: rising at first and falling over the last part of the course, as in a run."""
    part = step / (facts["inner_steps"] * facts["averages"])
    fall = min(1.0, max(0.0, (part - (1.0 - facts["decay"])) / facts["decay"]))
    risen = min(1.0, part / facts["warm_up"]) if facts["warm_up"] else 1.0
    return float(facts["rate"] * min(risen, 1.0 + fall * (facts["final_rate"] - 1.0)))


def inner_step(model: torch.nn.Module, optimiser: Any, batch: torch.Tensor, facts: dict[str, Any], step: int) -> float:
    """One inner step; its loss in nats per byte."""
    for group in optimiser.param_groups:
        group["lr"] = rate_at(facts, step)
    loss = model(input_ids=batch, labels=batch, use_cache=False).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), facts["clip_norm"])
    optimiser.step()
    optimiser.zero_grad()
    return float(loss.item())


def teller(path: Path) -> Callable[..., None]:
    """Appends a line of JSON for each thing told, with the system's clock."""

    def tell(**found: object) -> None:
        with path.open("a", encoding="utf-8") as sink:
            sink.write(json.dumps({**found, "at": time.time()}) + "\n")

    return tell
