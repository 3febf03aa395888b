import hashlib
import re
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sparewatt.blobs.folder import BlobFolder
from sparewatt.errors import InputError
from sparewatt.numeric.initial import initial_weights
from sparewatt.numeric.version_file import load_version
from sparewatt.signing import digest, verify
from sparewatt.work.adapter import AdapterSpec
from sparewatt.work.manifest import MANIFEST_KIND, Manifest
from sparewatt.work.model import ModelSpec
from sparewatt.work.version import BlobRef
from sparewatt_coordinator.create.checkpoint import Checkpoint
from sparewatt_coordinator.create.profile import Profile, try_profile
from sparewatt_coordinator.create.run import CreatedRun, RunOptions, create_run
from sparewatt_coordinator.create.tokens import FileTokens
from sparewatt_coordinator.testing.tokenizers import word_tokenizer

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SMALL = ModelSpec("llama", 256, 16, 32, 2, 2, 2, 256)
TEXT_BYTES = 3_000_000


def profile() -> Profile:
    return replace(try_profile(1, 60), model=SMALL)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents whose every sequence is unlike all others."""
    folder = tmp_path_factory.mktemp("text")
    for number in range(100):
        lines = b"".join(b"%03d %05d a line of text\n" % (number, line) for line in range(TEXT_BYTES // 100 // 27))
        (folder / f"{number}.txt").write_bytes(lines)
    return folder


def created(text: Path, folder: Path, **changes: object) -> tuple[CreatedRun, BlobFolder]:
    blobs = BlobFolder(folder)
    options = RunOptions(
        title="A run",
        purpose="To see",
        organiser="Somebody",
        licence="CC0-1.0",
        description="Lines",
        text=text,
        profile=profile(),
    )
    changed = RunOptions(**{**options.__dict__, **changes})
    return create_run(changed, blobs, KEY, now_s=1_000), blobs


def read(blobs: BlobFolder, blob: BlobRef) -> bytes:
    data = blobs.path(blob.sha256).read_bytes()
    assert hashlib.sha256(data).hexdigest() == blob.sha256
    assert len(data) == blob.size
    return data


def test_the_manifest_is_signed_and_names_blobs_that_are_there(text: Path, tmp_path: Path) -> None:
    run, blobs = created(text, tmp_path)
    manifest = verify(run.signed, MANIFEST_KIND, run.manifest.run_key, Manifest)
    assert manifest == run.manifest
    assert run.run == digest(manifest)
    assert msgspec.json.decode(read(blobs, manifest.data.index), type=tuple[BlobRef, ...]) == run.shards
    assert len(run.shards) == manifest.data.shards >= 2
    load_version(SMALL, blobs.path(manifest.start_keyframe.sha256), manifest.start.sha256)


def test_shards_are_whole_sequences_of_the_training_text_in_shuffled_order(text: Path, tmp_path: Path) -> None:
    run, blobs = created(text, tmp_path)
    data = run.manifest.data
    tokens = np.frombuffer(b"".join(read(blobs, shard) for shard in run.shards), dtype=np.uint8)
    assert all(shard.size % data.sequence_length == 0 and shard.size <= 2**20 for shard in run.shards)
    assert len(tokens) == data.tokens
    sequences = [bytes(each) for each in tokens.reshape(-1, data.sequence_length)]
    documents = [path.read_bytes() for path in text.iterdir()]
    whole = [each for each in sequences[:50] if any(each in document for document in documents)]
    # Only a sequence across two documents is in none of them.
    assert len(whole) >= 45
    numbers = [each[:3] for each in whole]
    assert numbers != sorted(numbers)
    assert len(set(sequences)) == len(sequences)


def test_held_out_text_is_never_trained_on(text: Path, tmp_path: Path) -> None:
    run, blobs = created(text, tmp_path)
    held_out = read(blobs, run.manifest.data.held_out)
    assert len(held_out) == run.manifest.data.held_out_tokens >= 128 * 1024
    training = b"".join(read(blobs, shard) for shard in run.shards)
    lines = set(re.findall(rb"^\d{3} \d{5} a line of text$", held_out, re.MULTILINE))
    assert len(lines) > 1_000
    assert not any(line in training for line in list(lines)[:200])


def test_the_same_options_give_the_same_run(text: Path, tmp_path: Path) -> None:
    assert created(text, tmp_path / "a")[0] == created(text, tmp_path / "b")[0]
    other = created(text, tmp_path / "c", seed=1)[0].manifest
    same = created(text, tmp_path / "a")[0].manifest
    assert other.start != same.start
    assert other.data.index != same.data.index


def test_too_little_text_is_said_in_bytes(tmp_path: Path) -> None:
    short = tmp_path / "short.txt"
    short.write_text("a few words\n" * 100)
    with pytest.raises(InputError, match=r"text\.too_little") as caught:
        created(short, tmp_path / "blobs")
    assert caught.value.parameters == {"found": 1_200, "needed": 4 * 61_440 * 10 // 9}


def test_words_that_a_manifest_cannot_hold_are_refused_before_signing(text: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"run\.words"):
        created(text, tmp_path, title="two\nlines")


def test_a_run_that_goes_on_with_a_checkpoint_starts_from_its_weights(text: Path, tmp_path: Path) -> None:
    weights = initial_weights(SMALL, 77)
    run, blobs = created(text, tmp_path, start=Checkpoint(SMALL, weights))
    start = run.manifest.start
    kept = load_version(SMALL, blobs.path(run.manifest.start_keyframe.sha256), start.sha256)
    assert kept.tobytes() == weights.tobytes()
    assert (run.manifest.task, run.manifest.frozen) == ("causal-lm", None)


def test_a_run_of_an_adapter_states_what_it_stands_on_and_starts_with_nothing_added(text: Path, tmp_path: Path) -> None:
    adapted = msgspec.structs.replace(SMALL, adapter=AdapterSpec(2, 4, ("self_attn.q_proj",)))
    weights = initial_weights(SMALL, 77)
    changed = replace(profile(), model=adapted)
    run, blobs = created(text, tmp_path, profile=changed, start=Checkpoint(SMALL, weights))
    manifest = run.manifest
    assert manifest.task == "causal-lm-lora"
    assert manifest.frozen is not None
    frozen = load_version(SMALL, blobs.path(manifest.frozen.weights.sha256), manifest.frozen.sha256)
    assert frozen.tobytes() == weights.tobytes()
    adapter = load_version(adapted, blobs.path(manifest.start_keyframe.sha256), manifest.start.sha256)
    assert adapter.tobytes() == initial_weights(adapted, 0).tobytes()
    costs = manifest.costs
    assert costs.download_bytes_first > manifest.frozen.weights.size
    assert costs.upload_bytes_per_update < manifest.frozen.weights.size + 262_144


def test_tokens_that_a_model_does_not_have_are_refused(text: Path, tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_bytes(word_tokenizer([f"w{number}" for number in range(300)]))
    with pytest.raises(InputError, match=r"tokenizer\.vocabulary") as caught:
        created(text, tmp_path / "blobs", tokens=FileTokens(file))
    assert caught.value.parameters == {"found": 302, "most": 256}


@pytest.mark.parametrize("change", [
    {"task": "causal-lm-lora"},
    {"frozen": {"weights": {"sha256": "0" * 64, "size": 1}, "sha256": "0" * 64}},
    {"task": "causal-lm-lora", "frozen": {"weights": {"sha256": "0" * 64, "size": 1}, "sha256": "0" * 64}},
])  # fmt: skip
def test_a_manifest_that_says_half_of_an_adapter_is_none(change: dict[str, object], text: Path, tmp_path: Path) -> None:
    whole = msgspec.to_builtins(created(text, tmp_path)[0].manifest)
    assert msgspec.convert(whole, Manifest)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**whole, **change}, Manifest)
