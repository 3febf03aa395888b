import io
from pathlib import Path

import msgspec
import pytest
import torch

from sparewatt.blobs.folder import BlobFolder
from sparewatt.errors import IntegrityError, StorageError
from sparewatt.numeric.initial import initial_weights
from sparewatt.numeric.keyframe import write_keyframe
from sparewatt.numeric.outer_state import OuterBlock, OuterStateWriter
from sparewatt.numeric.version_hash import version_sha256
from sparewatt.numeric.weights import Floats, as_bytes
from sparewatt.training.model import build, load_flat
from sparewatt.work.model import ModelSpec
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.aggregate.messages import Evaluate, Sample, Weights
from sparewatt_coordinator.aggregate.score_job import Scorer, printable
from sparewatt_coordinator.testing.runs import manifest
from sparewatt_coordinator.testing.tokenizers import END, word_tokenizer

SPEC = ModelSpec("llama", 256, 16, 32, 2, 2, 2, 32)
# Larger than they would be initially, so that the model prefers some bytes.
FIRST, SECOND = initial_weights(SPEC, 1) * 20, initial_weights(SPEC, 2) * 20


def stored_keyframe(blobs: BlobFolder, weights: Floats, number: int) -> Weights:
    file = io.BytesIO()
    write_keyframe(SPEC, weights, file)
    version = VersionId(0, number, version_sha256(SPEC, as_bytes(weights)))
    return Weights(version=version, outer_state=None, keyframe=blobs.add_bytes(file.getvalue()))


def stored_state(blobs: BlobFolder, weights: Floats, number: int) -> Weights:
    file = io.BytesIO()
    OuterStateWriter(file, len(weights), momentum=False).write(0, OuterBlock(weights, weights, None))
    version = VersionId(0, number, version_sha256(SPEC, as_bytes(weights)))
    return Weights(version=version, outer_state=blobs.add_bytes(file.getvalue()), keyframe=BlobRef("0" * 64, 1))


def evaluate(blobs: BlobFolder, weights: Weights, tokens: int = 96) -> Evaluate:
    held_out = blobs.add_bytes(bytes(range(100)))
    data = msgspec.structs.replace(manifest().data, held_out=held_out, held_out_tokens=100, sequence_length=32)
    return Evaluate(id=3, model=SPEC, data=data, weights=weights, tokens=tokens, threads=1)


def test_the_loss_is_that_of_transformers_with_labels(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    answer = Scorer(blobs).evaluate(evaluate(blobs, stored_keyframe(blobs, FIRST, 0)))
    model = build(SPEC)
    load_flat(model, SPEC, FIRST)
    tokens = torch.arange(96).reshape(3, 32)
    with torch.inference_mode():
        expected = float(model(input_ids=tokens, labels=tokens).loss)
    assert answer.loss_micro / 1e6 == pytest.approx(expected, abs=1e-5)
    assert (answer.reply_to, answer.tokens, answer.version.number) == (3, 96, 0)


def test_tokens_that_make_no_whole_sequence_are_not_counted(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    weights = stored_keyframe(blobs, FIRST, 0)
    assert Scorer(blobs).evaluate(evaluate(blobs, weights, tokens=40)).tokens == 32
    with pytest.raises(IntegrityError, match=r"data\.held_out_short"):
        Scorer(blobs).evaluate(evaluate(blobs, weights, tokens=31))


def test_a_scorer_changes_to_the_version_that_is_asked_for(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    one, two = stored_keyframe(blobs, FIRST, 0), stored_state(blobs, SECOND, 1)
    fresh = [Scorer(blobs).evaluate(evaluate(blobs, each)) for each in (one, two)]
    kept = Scorer(blobs)
    assert [kept.evaluate(evaluate(blobs, each)) for each in (one, two)] == fresh
    assert kept.evaluate(evaluate(blobs, one)) == fresh[0]
    assert fresh[0].loss_micro != fresh[1].loss_micro


def test_weights_of_another_version_are_never_scored(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    one, two = stored_keyframe(blobs, FIRST, 0), stored_keyframe(blobs, SECOND, 1)
    wrong = msgspec.structs.replace(one, keyframe=two.keyframe)
    scorer = Scorer(blobs)
    with pytest.raises(IntegrityError, match=r"version\.hash"):
        scorer.evaluate(evaluate(blobs, wrong))
    assert scorer.evaluate(evaluate(blobs, one)).loss_micro > 0


def test_missing_data_are_said(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    job = evaluate(blobs, stored_keyframe(blobs, FIRST, 0))
    blobs.remove(job.data.held_out.sha256)
    with pytest.raises(StorageError, match=r"storage\.blob_missing"):
        Scorer(blobs).evaluate(job)


def sample(blobs: BlobFolder, **changes: object) -> str:
    job = Sample(
        id=1,
        model=SPEC,
        data=manifest().data,
        weights=stored_keyframe(blobs, FIRST, 0),
        prompt="abc",
        tokens=20,
        temperature_milli=800,
        seed=7,
        threads=1,
    )
    return Scorer(blobs).sample(msgspec.structs.replace(job, **changes)).text


def test_a_seed_gives_a_text_and_another_seed_another(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    assert sample(blobs) == sample(blobs)
    assert len({sample(blobs, seed=seed) for seed in range(4)}) > 1


def test_temperature_zero_takes_the_likeliest_byte(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    model = build(SPEC)
    load_flat(model, SPEC, FIRST)
    tokens = list(b"abc")
    with torch.inference_mode():
        for _ in range(20):
            tokens.append(int(model(input_ids=torch.tensor([tokens])).logits[0, -1].argmax()))
    assert sample(blobs, temperature_milli=0) == printable(bytes(tokens[3:]).decode(errors="replace"))


@pytest.mark.parametrize("prompt", ["", "x" * 500])
def test_any_prompt_and_length_stay_within_the_context(prompt: str, tmp_path: Path) -> None:
    assert sample(BlobFolder(tmp_path), prompt=prompt, tokens=2_000) is not None


def test_a_sample_holds_no_control_characters() -> None:
    assert printable("a\x1b[31mb\x00\n\tc\ufffd\u00e9") == "a[31mb\n\tc\ufffd\u00e9"


def test_a_run_with_a_tokenizer_writes_its_words(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    file = blobs.add_bytes(word_tokenizer(["one", "two", "three"]))
    data = msgspec.structs.replace(
        manifest().data, tokenizer="tokenizer.json", tokenizer_file=file, vocabulary_size=5, loss_unit="nats_per_token"
    )
    written = sample(blobs, data=data, prompt="one two", tokens=8)
    assert len(written.split()) == 8
    assert set(written.split()) <= {"one", "two", "three", "[UNK]", END}
