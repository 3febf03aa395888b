import pytest

from sparewatt.wording.isolation import isolation_words
from sparewatt.wording.release import released_words


def test_consent_hears_that_nothing_holds() -> None:
    assert isolation_words("none", ("files",)).startswith("not isolated")


def test_what_is_missing_is_said_by_what_can_still_be_done() -> None:
    assert isolation_words("partial", ("files", "unheard_of")) == (
        "partial: a training process can still read and change your files"
    )
    assert "no connection" in isolation_words("full", ())


@pytest.mark.parametrize(
    ("milliseconds", "words"), [(None, ""), (412, "freed in 0.4 s"), (20, "freed in 0.1 s"), (1_960, "freed in 2.0 s")]
)
def test_a_device_that_was_freed_says_how_fast(milliseconds: int | None, words: str) -> None:
    assert released_words(milliseconds) == words
