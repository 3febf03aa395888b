import pytest

from sparewatt.policy import RULES as POLICY_RULES
from sparewatt.wording.rules import NO_RUN, RULES, rule_words


def test_every_rule_of_the_policy_has_words_and_none_is_left_over() -> None:
    assert set(RULES) == {rule.rule for rule in POLICY_RULES}


@pytest.mark.parametrize("cause", ["none_joined", "closed", "stalled", "untrusted", "refused", "unsuitable"])
def test_every_cause_of_no_run_has_words(cause: str) -> None:
    assert rule_words("no_run", {"cause": cause}) == NO_RUN[cause]


def test_sizes_are_readable() -> None:
    words = rule_words("memory_low", {"available_bytes": 512_000_000, "needed_bytes": 1_024_000_000})
    assert "512 MB of the 1.0 GB" in words


def test_an_unknown_rule_of_a_newer_engine_is_named() -> None:
    assert "solar" in rule_words("solar", {})
