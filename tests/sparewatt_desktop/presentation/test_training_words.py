"""A run in words, for those who see its plots and those who do not."""

import pytest

from sparewatt.snapshot import ConnectionSnapshot, ErrorSnapshot, EvaluationSnapshot
from sparewatt_desktop.presentation.training_words import (
    about_rows,
    connection_words,
    loss_summary,
    number_words,
    progress_rows,
    series_summary,
    state_words,
    version_words,
)
from sparewatt_desktop.testing.examples import run


def test_a_run_says_for_whom_what_for_and_under_which_licence() -> None:
    rows = {fact.name: fact.value for fact in about_rows(run())}
    assert rows["Organiser"] == "Workshop for Small Languages"
    assert rows["Licence"] == "Apache-2.0"
    assert rows["Purpose"].startswith("A small model")
    assert rows["Checks"].startswith("Unaudited")
    assert "Purpose" not in {fact.name for fact in about_rows(run(purpose=""))}


def test_progress_tells_the_share_that_came_from_here() -> None:
    rows = {fact.name: (fact.value, fact.note) for fact in progress_rows(run())}
    assert rows["From this computer"] == ("41.3 M tokens", "1.2 % of the run")
    assert rows["Held-out loss"][0] == "2.9503 nats per byte"
    nothing = {fact.name: (fact.value, fact.note) for fact in progress_rows(run(tokens_accepted=0, evaluations=()))}
    assert nothing["From this computer"] == ("0 tokens", "")
    assert nothing["Held-out loss"][0] == "not measured yet"


@pytest.mark.parametrize(
    ("here", "newest", "words"),
    [
        (None, None, "none here yet"),
        (None, 7, "none here yet"),
        (3, 3, "3, the newest"),
        (3, 7, "3 here, 7 is the newest"),
        (3, None, "3, the newest"),
    ],
)
def test_versions(here: int | None, newest: int | None, words: str) -> None:
    assert version_words(run(version=here, version_latest=newest)) == words


def test_a_run_that_is_not_open_says_so_with_the_organiser_s_words() -> None:
    assert state_words(run()) == ""
    closed = state_words(run(state="closed", words="Done, thank you all!"))
    assert closed == "The run is closed and takes no more work. The organiser says: Done, thank you all!"
    assert state_words(run(state="stalled")).startswith("The run is stalled")


def test_a_connection_that_fails_says_why() -> None:
    error = ErrorSnapshot("connection.unreachable", {"url": "wss://train.example"}, None)
    lost = run(connection=ConnectionSnapshot("disconnected", "wss://train.example", error, 0, 0))
    assert connection_words(lost).startswith("wss://train.example cannot be reached.")
    assert connection_words(run()) == "Connected, encrypted. 412 MB sent, 1.9 GB received."
    assert connection_words(run(encrypted=False)).startswith("Connected, not encrypted.")


def losses(*values: int) -> tuple[EvaluationSnapshot, ...]:
    return tuple(EvaluationSnapshot(number, value, 1) for number, value in enumerate(values))


@pytest.mark.parametrize(
    ("evaluations", "words"),
    [
        ((), "No version was measured yet."),
        (losses(5_000_000), "Held-out loss of version 0 is 5.0000 nats per byte. Lower is better."),
        (
            losses(5_000_000, 3_000_000),
            (
                "Held-out loss fell from 5.0000 nats per byte at version 0 to 3.0000 nats per byte at version 1. "
                "Lower is better."
            ),
        ),
        (
            losses(3_000_000, 5_000_000),
            (
                "Held-out loss rose from 3.0000 nats per byte at version 0 to 5.0000 nats per byte at version 1. "
                "Lower is better."
            ),
        ),
        (
            losses(3_000_000, 3_000_000),
            "Held-out loss stayed at 3.0000 nats per byte from version 0 to version 1. Lower is better.",
        ),
    ],
)
def test_the_plot_of_loss_in_a_sentence(evaluations: tuple[EvaluationSnapshot, ...], words: str) -> None:
    assert loss_summary(evaluations, "nats_per_byte") == words


def test_a_plot_over_time_in_a_sentence() -> None:
    points = [(0.0, 100.0), (60.0, 180.0), (120.0, float("nan")), (300.0, 150.5)]
    assert series_summary(points, "W") == "150 W now; between 100 and 180 over the last 5 min."
    assert series_summary([], "W") == "Nothing was measured yet."


@pytest.mark.parametrize(
    ("value", "words"), [(0.0, "0"), (3.14159, "3.14"), (12.34, "12.3"), (183.4, "183"), (18_400.0, "18.4 k")]
)
def test_numbers_have_about_three_digits(value: float, words: str) -> None:
    assert number_words(value) == words
