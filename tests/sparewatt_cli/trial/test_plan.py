from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.errors import InputError
from sparewatt.wording.errors import sentence
from sparewatt_cli.trial.plan import (
    CONTRIBUTORS_MOST,
    TrialPlan,
    TrialRequest,
    checkpoint_folder,
    end_reason,
    notes,
    plan_trial,
)

FOLDER, CHECKPOINT = Path("thrown-away"), Path("checkpoint")


def plan(request: TrialRequest, cores: int = 8) -> TrialPlan:
    return plan_trial(request, FOLDER, CHECKPOINT, cores)


def test_every_engine_has_its_own_folder_a_key_file_and_ends_with_its_parent() -> None:
    engines = plan(TrialRequest(contributors=3)).engines
    assert len({engine.folder for engine in engines}) == 3
    for engine in engines:
        assert engine.arguments[:3] == ("sparewatt.engine", "--data-folder", str(engine.folder))
        assert "--parent-pipe" in engine.arguments
        assert engine.arguments[engine.arguments.index("--key-store") + 1] == "file"


def test_the_coordinator_listens_on_a_free_loopback_port_and_ends_with_its_parent() -> None:
    arguments = plan(TrialRequest()).coordinator
    assert arguments[arguments.index("--listen") + 1] == "127.0.0.1:0"
    assert "--parent-pipe" in arguments


def test_the_organisers_key_lies_outside_the_data_that_the_coordinator_serves() -> None:
    made = plan(TrialRequest())
    assert made.run_folder not in made.organiser_key.parents


@given(contributors=st.integers(1, CONTRIBUTORS_MOST), cores=st.integers(1, 128))
def test_engines_share_the_cores_out_and_each_has_at_least_one(contributors: int, cores: int) -> None:
    made = plan(TrialRequest(contributors=contributors), cores)
    assert made.threads >= 1
    assert made.threads * contributors <= max(cores, contributors)
    for engine in made.engines:
        assert engine.arguments[engine.arguments.index("--threads") + 1] == str(made.threads)


def test_devices_and_battery_reach_the_engine_only_when_asked_for() -> None:
    assert "--on-battery" not in plan(TrialRequest()).engines[0].arguments
    arguments = plan(TrialRequest(devices=("cpu", "cuda"), on_battery=True)).engines[0].arguments
    assert "--on-battery" in arguments
    assert [value for flag, value in pairwise(arguments) if flag == "--device"] == ["cpu", "cuda"]


@pytest.mark.parametrize(
    ("request_", "error_id"),
    [
        (TrialRequest(minutes=0), "trial.minutes"),
        (TrialRequest(minutes=float("nan")), "trial.minutes"),
        (TrialRequest(minutes=1e6), "trial.minutes"),
        (TrialRequest(contributors=0), "trial.contributors"),
        (TrialRequest(contributors=CONTRIBUTORS_MOST + 1), "trial.contributors"),
        (TrialRequest(tokens=0), "trial.tokens"),
    ],
)
def test_numbers_out_of_bounds_are_refused(request_: TrialRequest, error_id: str) -> None:
    with pytest.raises(InputError) as caught:
        plan(request_)
    assert caught.value.error_id == error_id


def test_a_kept_trial_keeps_its_checkpoint_with_it() -> None:
    assert checkpoint_folder(TrialRequest(keep=Path("kept")), Path("here"), "stamp") == Path("kept/checkpoint")
    assert checkpoint_folder(TrialRequest(), Path("here"), "stamp") == Path("here/sparewatt-checkpoint-stamp")


NOT_YET = {"training_seconds": 10.0, "tokens": 0, "closed": False, "interrupted": False}


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        ({}, None),
        ({"training_seconds": 180.0}, "time"),
        ({"tokens": 1_000}, "tokens"),
        ({"closed": True}, "closed"),
        ({"interrupted": True, "closed": True}, "interrupted"),
        ({"closed": True, "tokens": 1_000}, "tokens"),
    ],
)
def test_a_trial_ends_by_the_person_then_by_its_tokens_then_by_the_clock(
    seen: dict[str, float | bool], reason: str | None
) -> None:
    made = plan(TrialRequest(minutes=3, tokens=1_000))
    assert end_reason(made, **{**NOT_YET, **seen}) == reason  # type: ignore[arg-type]


def test_tokens_end_a_trial_only_when_a_number_was_given() -> None:
    made = replace(plan(TrialRequest()), tokens=None)
    assert end_reason(made, training_seconds=1.0, tokens=10**9, closed=False, interrupted=False) is None


def test_several_contributors_on_one_computer_hear_that_it_gets_no_faster() -> None:
    assert "trial.one_computer" not in notes(TrialRequest())
    assert "trial.one_computer" in notes(TrialRequest(contributors=2))


def test_a_group_of_cards_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"device\.group") as refused:
        plan_trial(TrialRequest(devices=("group",)), tmp_path, tmp_path / "checkpoint", cores=2)
    assert "each card contributes by itself" in sentence(refused.value)


def test_a_kind_of_device_that_does_not_exist_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"device\.kind_unknown"):
        plan_trial(TrialRequest(devices=("tpu",)), tmp_path, tmp_path / "checkpoint", cores=2)
    assert plan_trial(TrialRequest(devices=("cpu",)), tmp_path, tmp_path / "checkpoint", cores=2).devices == ("cpu",)
