"""What a trial came to: the figures, as a value, as JSON and as sentences."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from sparewatt.wording.units import bytes_words, credit_words, loss_words
from sparewatt_cli.figures import count_text, seconds_text, sparkline
from sparewatt_cli.machine import MachineFacts
from sparewatt_cli.plain_text import harmless


class TrialResult(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON of ``sparewatt try --json``; fields are only ever added.

    Attributes:
        loss_first, loss_last: held-out loss of version 0 and of the last version, in `loss_unit`.
        loss_tokens: held-out tokens behind `loss_last`.
        losses: (version, loss) of every measurement within the run.
        receipts_verified: how many of `receipts` were checked offline against the run's key, signature by signature.
        bytes_up, bytes_down: of all contributors, as their connections counted them.
        tokens_per_s: tokens over `training_seconds`.
        checkpoint: folder of the trained model, None when it was not written.
        missing: ids of what a whole trial has and this one lacks; empty for exit code 0.
    """

    exit_reason: Literal["time", "tokens", "closed", "interrupted", "failed"]
    loss_first: float | None
    loss_last: float | None
    loss_unit: str
    loss_tokens: int | None
    losses: tuple[tuple[int, float], ...]
    versions: int
    tokens: int
    credit: float
    receipts: int
    receipts_verified: int
    bytes_up: int
    bytes_down: int
    tokens_per_s: float
    training_seconds: float
    contributors: int
    threads: int
    device: str
    checkpoint: str | None
    sample: str | None
    machine: MachineFacts
    missing: tuple[str, ...] = ()


def what_is_missing(
    *, versions: int, loss_last: float | None, receipts: int, receipts_verified: int, checkpoint: bool, sample: bool
) -> tuple[str, ...]:
    """Ids of the parts of a whole trial that did not happen, in the order in which they should have."""
    parts = (
        ("trial.no_version", versions < 1),
        ("trial.no_loss", loss_last is None),
        ("trial.no_receipts", receipts < 1 or receipts_verified < receipts),
        ("trial.no_checkpoint", not checkpoint),
        ("trial.no_sample", not sample),
    )
    return tuple(part for part, lacks in parts if lacks)


def summary(result: TrialResult, missing_words: Sequence[str]) -> tuple[str, ...]:
    """The lines that end a trial.

    Args:
        missing_words: the sentences of `result.missing`.
    """
    lines = [""]
    if result.loss_first is not None and result.loss_last is not None:
        lines.append(_row("Held-out loss", _loss(result)))
    if len(result.losses) > 3:
        # Without the untrained version, beside which all others look the same.
        lines.append(_row("", sparkline([loss for _, loss in result.losses[1:]], 40)))
    lines.append(_row("Trained", _trained(result)))
    lines.append(_row("Credit", _credit(result)))
    if result.versions:
        lines.append(_row("Traffic", _traffic(result)))
    if result.checkpoint is not None:
        lines.append(_row("Checkpoint", result.checkpoint))
    if result.sample:
        lines += ["", "The model writes:", *_indented(result.sample)]
    if missing_words:
        lines += ["", "This trial is not whole:", *(f"  {words}" for words in missing_words)]
    return (*lines, "", *_next_lines())


def _loss(result: TrialResult) -> str:
    first, last = round((result.loss_first or 0) * 1e6), round((result.loss_last or 0) * 1e6)
    return f"{first / 1e6:.4f} → {loss_words(last, result.loss_unit)}"


def _trained(result: TrialResult) -> str:
    return (
        f"{count_text(result.tokens)} tokens in {seconds_text(result.training_seconds)} "
        f"({count_text(result.tokens_per_s)} tokens/s), {_number(result.versions, 'version')}, on {result.device}"
    )


def _credit(result: TrialResult) -> str:
    return (
        f"{credit_words(round(result.credit * 1e6))}, with {_number(result.receipts, 'signed receipt')}, "
        f"{result.receipts_verified} verified offline"
    )


def _traffic(result: TrialResult) -> str:
    return (
        f"{bytes_words(result.bytes_up // result.versions)} up and "
        f"{bytes_words(result.bytes_down // result.versions)} down for each version"
    )


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _row(label: str, text: str) -> str:
    return f"{label:<14} {text}"


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in harmless(text).splitlines()]


def _next_lines() -> tuple[str, ...]:
    return (
        "What to do next:",
        "  sparewatt join               contribute to a run with an invite you were given",
        "  sparewatt run create --help  start a run of your own from your own text",
    )
