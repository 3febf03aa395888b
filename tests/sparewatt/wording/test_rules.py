import string

import pytest

from sparewatt.policy import RULES as POLICY_RULES
from sparewatt.wording.rules import NO_RUN, RULES, rule_words
from sparewatt.wording.sensors import REASONS


def test_every_rule_of_the_policy_has_words_and_none_is_left_over() -> None:
    assert set(RULES) == {rule.rule for rule in POLICY_RULES}


@pytest.mark.parametrize("cause", ["none_joined", "closed", "stalled", "untrusted", "refused", "changed", "unsuitable"])
def test_every_cause_of_no_run_has_words(cause: str) -> None:
    assert rule_words("no_run", {"cause": cause}) == NO_RUN[cause]


def test_sizes_are_readable() -> None:
    words = rule_words("memory_low", {"available_bytes": 512_000_000, "needed_bytes": 1_024_000_000})
    assert "512 MB of the 1.0 GB" in words
    assert "600 MB" in rule_words("memory_taken", {"taken_bytes": 600_000_000})


def test_heat_is_told_in_degrees_where_they_are_known() -> None:
    assert rule_words("cooling", {"celsius": 78, "limit": 75}) == "Cooling down: 78 °C, your limit is 75 °C."
    assert rule_words("cooling", {"limit": 75}) == "Cooling down; your limit is 75 °C."


def test_unknown_idle_time_says_why() -> None:
    assert rule_words("idle_unknown", {"cause": "no_display"}).endswith(REASONS["no_display"])


def test_an_unknown_rule_of_a_newer_engine_is_named() -> None:
    assert "solar" in rule_words("solar", {})


@pytest.mark.parametrize("template", [*RULES.values(), *NO_RUN.values()])
def test_words_are_whole_sentences(template: str) -> None:
    assert template[0].isupper() or template.startswith("{name}")
    assert template.endswith(".")
    assert all(name.isidentifier() for _, name, _, _ in string.Formatter().parse(template) if name)
