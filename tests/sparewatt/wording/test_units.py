import pytest

from sparewatt.wording.units import (
    bytes_words,
    count_words,
    credit_words,
    duration_words,
    loss_words,
    percent_words,
)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1500, "1.5 kB"),
        (12_345_678, "12 MB"),
        (2 * 10**9, "2.0 GB"),
        (3 * 10**12, "3.0 TB"),
    ],
)
def test_bytes(count: int, words: str) -> None:
    assert bytes_words(count) == words


@pytest.mark.parametrize(("count", "words"), [(7, "7"), (1200, "1.2 k"), (6_300_000, "6.3 M"), (124 * 10**9, "124 B")])
def test_counts(count: int, words: str) -> None:
    assert count_words(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (0.2, "1 s"), (59, "59 s"), (60, "1 min"), (61, "2 min"), (3600, "1 h 0 min"), (86_400 * 3, "3 days")],
)
def test_durations_are_rounded_up(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words


def test_credit_loss_and_percent() -> None:
    assert credit_words(3_200) == "0.0032 credits"
    assert credit_words(1_234_560_000) == "1,234.56 credits"
    assert loss_words(3_214_500, "nats_per_token") == "3.2145 nats per token"
    assert loss_words(None, "nats_per_token") == "not measured yet"
    assert loss_words(1_000_000, "bits") == "1.0000 (bits)"
    assert percent_words(61.6) == "62 %"
