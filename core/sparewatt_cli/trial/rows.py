"""A trial's view as words: the rows of the live display and the plain lines of a log."""

from dataclasses import dataclass

from sparewatt.wording.units import bytes_words, credit_words, loss_words
from sparewatt_cli.figures import count_text, seconds_text, sparkline, watts_text
from sparewatt_cli.trial.view import TrialView
from sparewatt_cli.words import TRIAL, error_sentence, rule_sentence

BATTERY_RULES = frozenset({"battery", "power_unknown"})


@dataclass(frozen=True)
class Progress:
    """Attributes:
    phase: id of `sparewatt_cli.words.TRIAL`.
    elapsed_s: since the command began.
    training_s, training_s_total: None before training began.
    """

    phase: str
    elapsed_s: float
    training_s: float | None = None
    training_s_total: float | None = None
    view: TrialView | None = None


def headline(progress: Progress) -> str:
    """What is going on and for how long."""
    words = TRIAL[progress.phase]
    if progress.training_s is None or progress.training_s_total is None:
        return f"{words} ({seconds_text(progress.elapsed_s)})"
    return f"{words} ({seconds_text(progress.training_s)} of {seconds_text(progress.training_s_total)})"


def rows(view: TrialView) -> tuple[tuple[str, str], ...]:
    """Label and text of each row; always the same rows, so that nothing jumps."""
    names = ", ".join(name if count == 1 else f"{name} (lent by {count} contributors)" for name, count in view.devices)
    speed = "not measured yet" if view.tokens_per_s is None else f"{count_text(view.tokens_per_s)} tokens/s"
    inner = f", inner step {view.inner_steps} of {view.inner_steps_total}" if view.inner_steps_total else ""
    return (
        ("Device", names or "being found"),
        ("Held-out loss", _held_out(view)),
        ("Training loss", loss_words(view.training_loss_micro, view.loss_unit) + inner),
        ("Speed", f"{speed}, {count_text(view.run_tokens)} tokens so far"),
        ("Traffic", f"{bytes_words(view.bytes_up)} up, {bytes_words(view.bytes_down)} down"),
        ("Power", watts_text(view.power_watts)),
        ("Credit", f"{credit_words(view.credit_micro)}, {view.receipts} receipts"),
    )


def waiting_sentences(view: TrialView) -> tuple[str, ...]:
    """Why devices wait, each reason once, what to type where typing helps, and what failed and is tried again."""
    sentences: dict[str, None] = {}
    for waiting in view.waiting:
        sentences[rule_sentence(waiting.reason.rule, waiting.reason.parameters)] = None
        if waiting.reason.rule in BATTERY_RULES:
            sentences[TRIAL["trial.hint_battery"]] = None
    for trouble in view.troubles:
        sentences[error_sentence(trouble.error_id, trouble.parameters)] = None
    return tuple(sentences)


def plain_line(progress: Progress) -> str:
    """One line for a log or a pipe."""
    line = f"[{seconds_text(progress.elapsed_s)}] {TRIAL[progress.phase]}"
    view = progress.view
    if view is None:
        return line
    parts = [line]
    if view.version is not None:
        parts.append(f"version {view.version}")
    if view.evaluations:
        parts.append(f"held-out loss {loss_words(view.evaluations[-1][1], view.loss_unit)}")
    if view.training_loss_micro is not None:
        parts.append(f"training loss {view.training_loss_micro / 1e6:.4f}")
    if view.tokens_per_s is not None:
        parts.append(f"{count_text(view.tokens_per_s)} tokens/s")
    parts += [
        f"{count_text(view.run_tokens)} tokens",
        f"{bytes_words(view.bytes_up)} up",
        f"{bytes_words(view.bytes_down)} down",
    ]
    return ", ".join(parts)


def _held_out(view: TrialView) -> str:
    if not view.evaluations:
        return "not measured yet"
    first, last = view.evaluations[0][1], view.evaluations[-1][1]
    # Without the untrained version, beside which all others look the same.
    bars = sparkline([loss for _, loss in view.evaluations[1:]], 24)
    version = "" if view.version is None else f", version {view.version}"
    return f"{first / 1e6:.4f} → {loss_words(last, view.loss_unit)}{version}  {bars}"
