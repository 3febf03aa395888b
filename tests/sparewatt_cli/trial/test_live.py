import io

from sparewatt.testing.snapshots import RUN, busy
from sparewatt_cli.trial.live import Lines, display_for
from sparewatt_cli.trial.rows import Progress, headline, rows
from sparewatt_cli.trial.view import trial_view

VIEW = trial_view((busy(),), RUN)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_without_a_terminal_there_are_plain_lines() -> None:
    assert isinstance(display_for(io.StringIO()), Lines)


def test_a_line_comes_at_once_with_a_new_phase_and_else_every_five_seconds() -> None:
    stream, clock = io.StringIO(), Clock()
    lines = Lines(stream, clock)
    for second, phase in ((0.0, "trial.creating"), (1.0, "trial.creating"), (2.0, "trial.training"),
                          (6.0, "trial.training"), (7.0, "trial.training")):  # fmt: skip
        clock.now = second
        lines.show(Progress(phase, second))
    assert stream.getvalue().splitlines() == [
        "[0 s] making a run from the text",
        "[2 s] training",
        "[7 s] training",
    ]


def test_a_plain_line_holds_the_figures() -> None:
    stream = io.StringIO()
    Lines(stream, Clock()).show(Progress("trial.training", 42.0, 30.0, 180.0, VIEW))
    line = stream.getvalue()
    for part in (
        "[42 s] training",
        "version 3",
        "3.2100 nats per byte",
        "1,000 tokens/s",
        "98,304 tokens",
        "1.2 MB up",
    ):
        assert part in line


def test_the_panel_has_the_same_rows_from_the_first_moment() -> None:
    nothing_yet = trial_view((), RUN)
    assert [label for label, _ in rows(nothing_yet)] == [label for label, _ in rows(VIEW)]
    assert dict(rows(VIEW))["Power"] == "no power sensor"
    assert "inner step 12 of 30" in dict(rows(VIEW))["Training loss"]


def test_several_engines_on_one_device_are_named_once() -> None:
    view = trial_view((busy(), busy()), RUN)
    assert dict(rows(view))["Device"] == "A processor (lent by 2 contributors)"


def test_the_headline_counts_the_training_against_its_end() -> None:
    assert headline(Progress("trial.training", 50.0, 42.0, 180.0)) == "training (42 s of 3 min 00 s)"
    assert headline(Progress("trial.creating", 3.0)) == "making a run from the text (3 s)"
