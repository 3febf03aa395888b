from typing import Any

import msgspec
import pytest

from sparewatt_cli.machine import MachineFacts
from sparewatt_cli.trial.result import TrialResult, summary, what_is_missing

MACHINE = MachineFacts("Linux 6", "x86_64", "A processor", 2, 8 * 2**30, "3.11.7", "2.13.0")
WHOLE: dict[str, Any] = {
    "exit_reason": "time",
    "loss_first": 5.545177,
    "loss_last": 2.5,
    "loss_unit": "nats_per_byte",
    "loss_tokens": 131_072,
    "losses": ((0, 5.545177), (1, 4.0), (2, 2.5)),
    "versions": 2,
    "tokens": 983_040,
    "credit": 0.001234,
    "receipts": 4,
    "receipts_verified": 4,
    "bytes_up": 2_000_000,
    "bytes_down": 4_000_000,
    "tokens_per_s": 5_461.3,
    "training_seconds": 180.0,
    "contributors": 1,
    "threads": 2,
    "device": "A processor",
    "checkpoint": "sparewatt-checkpoint-x",
    "sample": "def f(",
    "machine": MACHINE,
}


def test_the_summary_says_all_that_a_trial_promises() -> None:
    text = "\n".join(summary(TrialResult(**WHOLE), ()))
    for part in (
        "5.5452 → 2.5000 nats per byte",
        "983,040 tokens in 3 min 00 s",
        "4 signed receipts, 4 verified offline",
        "1.0 MB up and 2.0 MB down for each version",
        "sparewatt-checkpoint-x",
        "def f(",
        "sparewatt join",
    ):
        assert part in text


def test_what_the_model_writes_cannot_steer_the_terminal() -> None:
    text = "\n".join(summary(TrialResult(**{**WHOLE, "sample": "a\x1b[2Jb\rc\nd"}), ()))
    assert "\x1b" not in text
    assert "\r" not in text
    assert "a·[2Jb" in text


def test_a_trial_without_a_version_says_what_is_missing_and_divides_by_nothing() -> None:
    result = TrialResult(**{**WHOLE, "versions": 0, "loss_last": None, "checkpoint": None, "sample": None})
    text = "\n".join(summary(result, ("no version was merged",)))
    assert "not whole" in text
    assert "no version was merged" in text
    assert "for each version" not in text


@pytest.mark.parametrize(
    ("lack", "missing"),
    [
        ({}, ()),
        ({"versions": 0}, ("trial.no_version",)),
        ({"loss_last": None}, ("trial.no_loss",)),
        ({"receipts": 0}, ("trial.no_receipts",)),
        ({"receipts_verified": 3}, ("trial.no_receipts",)),
        ({"checkpoint": False}, ("trial.no_checkpoint",)),
        ({"sample": False}, ("trial.no_sample",)),
    ],
)
def test_each_part_of_a_whole_trial_is_missed_by_name(lack: dict[str, Any], missing: tuple[str, ...]) -> None:
    whole: dict[str, Any] = {
        "versions": 2,
        "loss_last": 2.5,
        "receipts": 4,
        "receipts_verified": 4,
        "checkpoint": True,
        "sample": True,
    }
    assert what_is_missing(**{**whole, **lack}) == missing


def test_the_json_has_the_documented_fields_and_nothing_that_names_the_computer() -> None:
    decoded = msgspec.json.decode(msgspec.json.encode(TrialResult(**WHOLE)))
    assert {
        "loss_first", "loss_last", "loss_unit", "versions", "tokens", "credit", "receipts", "receipts_verified",
        "bytes_up", "bytes_down", "tokens_per_s", "checkpoint", "device", "exit_reason", "machine",
    } <= decoded.keys()  # fmt: skip
    assert set(decoded["machine"]) == set(MachineFacts.__struct_fields__)
    assert not {"host", "user", "name"} & set(decoded["machine"])
