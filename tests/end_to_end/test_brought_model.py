"""A model, a tokenizer and data that an organiser brings: made a run, trained by real engines, exported."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from sparewatt.blobs.folder import BlobFolder
from sparewatt.numeric.initial import initial_weights
from sparewatt.numeric.weights import Floats
from sparewatt.work.adapter import AdapterSpec
from sparewatt.work.hub_config import hub_config
from sparewatt.work.manifest import InnerSpec, RoundSpec
from sparewatt.work.model import ModelSpec, base_of, tensors
from sparewatt_cli.organiser import MANIFEST_FILE
from sparewatt_cli.run_look import export
from sparewatt_coordinator.create.checkpoint import read_checkpoint
from sparewatt_coordinator.create.profile import Profile, checkpoint_profile
from sparewatt_coordinator.create.tokens import FileTokens
from sparewatt_coordinator.testing.processes import RealRun
from sparewatt_coordinator.testing.tokenizers import word_tokenizer

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

WORDS = 300
GPT2 = ModelSpec("gpt2", 320, 32, 64, 2, 4, 4, 64)
LLAMA = ModelSpec("llama", 320, 32, 64, 2, 4, 2, 64, "separate")
ADAPTED = msgspec.structs.replace(LLAMA, adapter=AdapterSpec(4, 16, ("mlp.up_proj", "self_attn.q_proj")))


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Words that follow each other by a rule that a small model can learn."""
    random = np.random.default_rng(3)
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(60):
        lines = (
            [first, second, *((first + 7 * step) % WORDS for step in range(20))]
            for first, second in random.integers(WORDS, size=(200, 2))
        )
        rows = "".join(json.dumps({"text": " ".join(f"w{word}" for word in line)}) + "\n" for line in lines)
        (folder / f"{number}.jsonl").write_text(rows)
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Callable[[ModelSpec], Path]:
    """Makes the folder of a model as a hub has it."""

    def make(spec: ModelSpec) -> Path:
        folder = tmp_path / spec.architecture
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(hub_config(spec)))
        save_file(named(spec, initial_weights(spec, 9)), folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "tokenizer.json").write_bytes(word_tokenizer([f"w{number}" for number in range(WORDS)]))
        return folder

    return make


def named(spec: ModelSpec, flat: Floats) -> dict[str, torch.Tensor]:
    parts, first = {}, 0
    for tensor in tensors(spec):
        parts[tensor.name] = torch.from_numpy(flat[first : first + tensor.count].reshape(tensor.shape).copy())
        first += tensor.count
    return parts


def quick(spec: ModelSpec) -> Profile:
    """Every update is a round; the adapter's two contributors share second moments, as several do by default."""
    profile = checkpoint_profile(spec, contributors=1, sequence_length=16, peak_rate_nano=5_000_000)
    return replace(
        profile,
        inner=InnerSpec(inner_steps=20, batch_sequences=8, state="fresh" if spec.adapter is None else "fresh-shared-v"),
        optimiser=msgspec.structs.replace(profile.optimiser, warmup_tokens=0),
        rounds=RoundSpec(
            tokens_target=640,
            grace_milliseconds=0,
            seconds_most=5,
            next_version_wait_milliseconds=5_000,
            tokens_total=100_000_000,
            seconds_total=0,
        ),
    )


@pytest.fixture
def started(tmp_path: Path, text: Path, model: Callable[[ModelSpec], Path]) -> Iterator[Callable[[ModelSpec], RealRun]]:
    runs: list[RealRun] = []

    def start(spec: ModelSpec) -> RealRun:
        folder = model(base_of(spec))
        tokens = FileTokens(folder / "tokenizer.json")
        run = RealRun(tmp_path, quick(spec), text, start=read_checkpoint(folder), tokens=tokens)
        runs.append(run)
        (run.data.root / MANIFEST_FILE).write_bytes(msgspec.json.encode(run.created.signed))
        return run

    yield start
    for run in runs:
        run.end()


def logits(model: torch.nn.Module, tokens: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return model.eval()(input_ids=tokens).logits


def losses(run: RealRun) -> tuple[int, ...]:
    return tuple(each.loss_micro for each in run.status().status.evaluations)


@pytest.mark.parametrize("spec", [GPT2, LLAMA], ids=lambda spec: spec.architecture)
def test_a_checkpoint_is_gone_on_with_and_comes_back_as_one(
    spec: ModelSpec, started: Callable[[ModelSpec], RealRun], tmp_path: Path
) -> None:
    run = started(spec)
    tokens = torch.tensor([[1, 2, 3, 5, 8, 13]])
    export(run.data.root, tmp_path / "before")
    brought = AutoModelForCausalLM.from_pretrained(tmp_path / spec.architecture)
    untrained = AutoModelForCausalLM.from_pretrained(tmp_path / "before")
    assert torch.equal(logits(brought, tokens), logits(untrained, tokens))
    assert (tmp_path / "before" / "tokenizer.json").read_bytes() == (
        tmp_path / spec.architecture / "tokenizer.json"
    ).read_bytes()

    run.add_engine()
    run.until(lambda: run.status().status.version.number >= 3 and len(losses(run)) >= 1)
    run.finish()
    assert losses(run)[-1] < losses(run)[0]
    export(run.data.root, tmp_path / "after")
    trained = AutoModelForCausalLM.from_pretrained(tmp_path / "after")
    assert not torch.equal(logits(trained, tokens), logits(brought, tokens))


# `peft` asks transformers for a property under its old name as it wraps a model; nothing of Sparewatt does.
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_an_adapter_alone_is_trained_and_comes_back_as_one(
    started: Callable[[ModelSpec], RealRun], tmp_path: Path
) -> None:
    run = started(ADAPTED)
    manifest = run.created.manifest
    assert manifest.task == "causal-lm-lora"
    assert manifest.frozen is not None
    engines = [run.add_engine(), run.add_engine()]
    run.until(lambda: all(engine.receipts(run.created.run) for engine in engines))
    run.until(lambda: run.status().status.version.number >= 4 and len(losses(run)) >= 1)
    # Each engine hashes what it has applied and would say that it mistrusts a version of another hash.
    devices = [device for engine in engines for device in engine.snapshot().devices]
    assert all(device.error is None for device in devices), devices
    for engine in engines:
        blobs = BlobFolder(engine.folder / "blobs")
        assert blobs.has(manifest.frozen.weights.sha256)
    run.finish()
    assert losses(run)[-1] < losses(run)[0]

    export(run.data.root, tmp_path / "adapter")
    stored = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert set(stored) == {tensor.name for tensor in tensors(ADAPTED)}
    assert any(bool(value.any()) for name, value in stored.items() if ".lora_B." in name)
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "llama")
    before = logits(base, torch.tensor([[1, 2, 3, 5, 8, 13]]))
    adapted = PeftModel.from_pretrained(base, tmp_path / "adapter")
    assert not torch.equal(logits(adapted, torch.tensor([[1, 2, 3, 5, 8, 13]])), before)
    assert (tmp_path / "adapter" / "adapter_model.safetensors").stat().st_size < 40_000
