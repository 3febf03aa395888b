"""Experiments with trained weights: where they come from, and what of a model with an adapter is trained."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.training.arm import Arm
from benchmarks.training.continued import START_ROUNDS, WITH_ADAPTER, Starts
from benchmarks.training.experiments import ADAPTER, CONTINUED, CREATED, EXPERIMENTS
from benchmarks.training.lab import MODEL, Device, Lab, optimiser_of
from benchmarks.training.records import Records
from benchmarks.training.simulation import Simulation, tokens_of, train_alone
from sparewatt.numeric.keyframe import read_keyframe
from sparewatt.numeric.weights import FLOAT, Floats
from sparewatt.work.model import base_of, parameter_count

SEED = 1
ADAPTED = Arm(name="adapted", begins="adapter", inner_steps=4, rate_micro=10_000)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("first") / "text.txt"
    found.write_text("".join(f"{n}: the quick brown fox jumps over the lazy dog.\n" for n in range(9_000)))
    return found


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("other") / "text.txt"
    found.write_text("".join(f"x[{n}] = {n * n} + y[{n + 1}];\n" for n in range(12_000)))
    return found


@pytest.fixture(scope="module")
def starts(first: Path, tmp_path_factory: pytest.TempPathFactory) -> Starts:
    return Starts(first, tmp_path_factory.mktemp("starts"), rounds=1)


def weights_in(path: Path) -> Floats:
    weights = np.empty(parameter_count(MODEL), FLOAT)
    with path.open("rb") as source:
        read_keyframe(MODEL, source, weights)
    return weights


def test_a_start_is_trained_once_on_the_first_text(starts: Starts, first: Path) -> None:
    made = starts.file(SEED)
    written = made.stat().st_mtime_ns
    assert starts.file(SEED) == made
    assert made.stat().st_mtime_ns == written
    lab = Lab(first, SEED)
    assert lab.loss(weights_in(made)) < lab.loss(lab.start) - 0.3
    lab.close()
    assert [each.suffix for each in made.parent.iterdir()] == [".safetensors"], "nothing half written is left"


def test_a_start_of_another_text_or_a_longer_course_is_another_file(starts: Starts, other: Path) -> None:
    made = starts.file(SEED)
    for different in (Starts(other, made.parent, rounds=1), Starts(other, made.parent, rounds=2)):
        assert different.file(SEED) not in {made, starts.file(SEED)}
    assert len(list(made.parent.iterdir())) == 3


def test_a_start_is_the_one_worker_of_parity() -> None:
    assert EXPERIMENTS["parity"].rounds == START_ROUNDS


def test_trained_weights_and_a_new_adapter_on_them_begin_at_the_same_loss(starts: Starts, other: Path) -> None:
    whole, adapted = starts.lab("trained weights", other, SEED), starts.lab("adapter", other, SEED)
    assert np.array_equal(whole.start, weights_in(starts.file(SEED)))
    assert adapted.loss(adapted.start) == pytest.approx(whole.loss(whole.start), abs=1e-6)
    whole.close()
    adapted.close()


def test_of_a_model_with_an_adapter_contributors_train_and_send_the_adapter_alone(starts: Starts, other: Path) -> None:
    lab = starts.lab("adapter", other, SEED)
    trained = parameter_count(WITH_ADAPTER)
    found = Simulation(ADAPTED, lab, tokens_of(ADAPTED, 1), SEED).run()
    assert found.loss < lab.loss(lab.start) - 0.1
    assert found.bytes_up / found.updates == pytest.approx(trained, rel=0.02), "a byte a number"
    assert trained < parameter_count(base_of(WITH_ADAPTER)) / 8
    lab.close()


def test_one_worker_trains_the_same_adapter(starts: Starts, other: Path) -> None:
    lab = starts.lab("adapter", other, SEED)
    alone = msgspec.structs.replace(ADAPTED, way="one worker, large batch")
    found = train_alone(alone, lab, tokens_of(alone, 1), SEED)
    assert found.loss < lab.loss(lab.start) - 0.1
    assert found.bytes_up == 4 * parameter_count(WITH_ADAPTER) * 4 * found.versions
    lab.close()


def test_an_adapter_shares_second_moments_of_its_own_numbers(starts: Starts, other: Path) -> None:
    lab = starts.lab("adapter", other, SEED)
    device = Device()
    lab.train(device, lab.start, 0, 2, (1e-3, 1e-3), msgspec.structs.replace(ADAPTED, state="fresh-shared-v"))
    assert device.moments is not None
    assert len(device.moments) == 2 * 7 * MODEL.layers
    lab.close()


def test_adapters_are_not_decayed() -> None:
    decays = [optimiser_of(arm).weight_decay_micro for arm in (*ADAPTER, *CONTINUED)]
    assert decays == [0] * len(ADAPTER) + [100_000] * len(CONTINUED)


@pytest.mark.parametrize("arms", [CONTINUED, ADAPTER])
def test_contributors_do_what_a_run_does_by_default(arms: tuple[Arm, ...]) -> None:
    contributors = [arm for arm in arms if arm.way == "contributors"]
    assert len(contributors) >= 2
    for arm in contributors:
        alike = msgspec.structs.replace(arm, name=CREATED.name, rate_micro=CREATED.rate_micro, begins=CREATED.begins)
        assert alike == CREATED


def test_all_arms_of_an_experiment_begin_alike() -> None:
    assert {name for name, each in EXPERIMENTS.items() if each.begins != "new weights"} == {"continued", "adapter"}


@pytest.mark.parametrize(
    ("options", "words"), [(("--other-text", "/nowhere"), "/nowhere"), ((), "results of another text")]
)
def test_what_cannot_go_on_is_refused_in_a_sentence(
    options: tuple[str, ...],
    words: str,
    first: Path,
    other: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Records(tmp_path / "arms-continued", "5" * 64)
    with pytest.raises(SystemExit) as caught:
        main(["continued", "--to", str(tmp_path), "--text", str(first), "--other-text", str(other), *options])
    assert caught.value.code == 2
    assert words in capsys.readouterr().err
