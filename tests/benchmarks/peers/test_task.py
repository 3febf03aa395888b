"""Every arm has the same model, tokens, optimiser and rates."""

from pathlib import Path

import pytest
import torch

from benchmarks.peers.small_model import batches, load_model, rate_at, save_weights, start_model, task_facts
from benchmarks.peers.task import CONTRIBUTORS, STEP_TOKENS, Task, held_out_loss, prepare, profile_of

TASK = Task(inner_steps=2, averages=5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("task")
    text = place / "text"
    text.mkdir()
    for number in range(200):
        (text / f"{number}.txt").write_text(f"number {number} is followed by {number + 1}\n" * 200)
    prepare(TASK, text, place)
    return place


def test_contributors_share_out_all_tokens_and_none_twice(folder: Path) -> None:
    shares = [list(batches(folder, index)) for index in range(CONTRIBUTORS)]
    assert [len(each) for each in shares] == [TASK.steps_each] * CONTRIBUTORS
    assert sum(batch.numel() for share in shares for batch in share) == TASK.tokens
    together = torch.stack([each for pair in zip(*shares, strict=True) for each in pair]).flatten()
    assert bytes(together.to(torch.uint8).tolist()) == (folder / "tokens").read_bytes()


def test_ours_is_a_run_for_two_as_anybody_makes_it() -> None:
    profile = profile_of(TASK)
    assert profile.rounds.tokens_total == TASK.tokens
    assert profile.inner.batch_sequences * profile.sequence_length == STEP_TOKENS
    assert (profile.inner.inner_steps, profile.inner.state) == (5, "fresh-shared-v")
    assert (profile.outer.rule, profile.optimiser.beta1_micro) == ("nesterov", 0)
    assert (profile.codec.name, profile.outer.patch.name, profile.outer.keyframe_type) == ("int8", "int4", "bf16")


def test_one_is_killed_in_the_first_inner_step_after_half_of_the_averages() -> None:
    assert Task(inner_steps=10, averages=40).kill_steps == 201
    assert Task(inner_steps=10, averages=5).kill_steps == 21


def test_peers_have_the_optimiser_of_one_worker_that_is_never_reset(folder: Path) -> None:
    facts = task_facts(folder)
    assert facts["betas"] == [0.9, 0.95]
    assert 2 * facts["rate"] == pytest.approx(3 * profile_of(TASK).optimiser.peak_rate_nano / 1e9, rel=1e-5)


def test_the_rate_rises_over_the_first_fiftieth_and_falls_over_the_last_fifth_to_a_tenth(folder: Path) -> None:
    facts = task_facts(folder)
    assert facts["warm_up"] == pytest.approx(0.02, rel=1e-3)
    assert rate_at(facts, 0) == 0.0
    assert rate_at({**facts, "averages": 500}, 10) == pytest.approx(0.5 * facts["rate"], rel=1e-3)
    assert rate_at(facts, 1) == rate_at(facts, 8) == facts["rate"]
    assert rate_at(facts, 9) == pytest.approx(0.55 * facts["rate"])
    assert rate_at(facts, 10) == pytest.approx(0.1 * facts["rate"])


def test_weights_are_written_and_measured_as_they_are(folder: Path, tmp_path: Path) -> None:
    start = folder / "start" / "model.safetensors"
    model = start_model(folder)
    save_weights(model, tmp_path / "again.safetensors")
    again = load_model(folder / "start" / "config.json", tmp_path / "again.safetensors")
    assert all(torch.equal(one, other) for one, other in zip(model.parameters(), again.parameters(), strict=True))
    first = held_out_loss(folder, start)
    assert first == held_out_loss(folder, tmp_path / "again.safetensors")
    assert 5.0 < first < 6.0
