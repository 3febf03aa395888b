"""What a value would change, in words."""

import pytest

from sparewatt.control.messages import DevicePreview
from sparewatt.settings import schema
from sparewatt.settings.option import Number, Option
from sparewatt.snapshot import DecisionSnapshot, ReasonSnapshot
from sparewatt_desktop.presentation.number_words import range_words, value_words, zero_words
from sparewatt_desktop.presentation.setting_words import preview_sentences, unsaved_words
from sparewatt_desktop.testing.examples import CARD, FREE, NOW_UNIX_S, PAUSED, card, processor

OFF_LINE = DecisionSnapshot("full", "none", (ReasonSnapshot("no_network", {}, None, None),))
SLOWER = DecisionSnapshot("limited", "allowed", (ReasonSnapshot("battery", {}, None, None),))


def told(decision: DecisionSnapshot, now: DecisionSnapshot = FREE) -> tuple[str, ...]:
    return preview_sentences([card(decision=now)], [DevicePreview(CARD, decision)], NOW_UNIX_S)


@pytest.mark.parametrize(
    ("then", "now", "words"),
    [
        (FREE, FREE, "Changes nothing right now."),
        (PAUSED, FREE, "Would pause now: Paused by you. It ends in 15 min."),
        (FREE, PAUSED, "Would work now."),
        (FREE, SLOWER, "Would go on working now."),
        (SLOWER, FREE, "Would work slower now: On battery. Work goes on five minutes after mains power is back."),
        (DecisionSnapshot("stop", "allowed", ()), FREE, "Would pause now."),
        (
            OFF_LINE,
            FREE,
            (
                "Would work, but send and fetch nothing now: No coordinator can be reached. What is begun is finished, "
                "and delivered later."
            ),
        ),
    ],
)
def test_a_preview_says_what_would_differ(then: DecisionSnapshot, now: DecisionSnapshot, words: str) -> None:
    assert told(then, now) == (words,)


def test_devices_that_agree_are_told_once_and_others_by_name() -> None:
    devices = [card(), processor(decision=FREE)]
    both = [DevicePreview(CARD, PAUSED), DevicePreview("cpu", PAUSED)]
    assert len(preview_sentences(devices, both, NOW_UNIX_S)) == 1
    apart = [DevicePreview(CARD, PAUSED), DevicePreview("cpu", FREE)]
    assert preview_sentences(devices, apart, NOW_UNIX_S) == (
        "NVIDIA GeForce RTX 4070: Would pause now: Paused by you. It ends in 15 min.",
        "AMD Ryzen 7 5800X (7 threads): Changes nothing right now.",
    )
    assert preview_sentences([], [], NOW_UNIX_S) == ()


@pytest.mark.parametrize(
    ("option", "text", "words"),
    [
        (schema.POWER_CAP_WATTS, "0", "No cap"),
        (schema.POWER_CAP_WATTS, "150", "150 W"),
        (schema.CPU_THREADS, "0", "All but one"),
        (schema.UPLOAD_LIMIT_KB_PER_S, "0", "No limit"),
        (schema.MEMORY_FREE_MIN_MB, "0", "0 MB"),
        (schema.WHEN_TO_RUN, "never", "Never"),
        (schema.RUN_ON_BATTERY, "on", "On"),
        (schema.RUN_ON_BATTERY, "off", "Off"),
        (schema.HOURS, "always", "always"),
    ],
)
def test_a_value_is_told_as_its_form_shows_it(option: Option[object], text: str, words: str) -> None:
    assert value_words(option, text) == words


@pytest.mark.parametrize("option", [each for each in schema.OPTIONS if zero_words(each)])
def test_a_word_for_nought_is_only_where_nought_is_allowed(option: Option[object]) -> None:
    assert isinstance(option, Number)
    assert option.parse("0") == 0
    assert "0 means" in option.help


def test_bounds_are_told_with_their_unit() -> None:
    assert range_words(schema.POWER_CAP_WATTS, 95, 200) == "No cap, or 95 to 200 W"
    assert range_words(schema.TEMPERATURE_LIMIT_CELSIUS, 40, 83) == "40 to 83 °C"


def test_one_change_is_told_in_the_singular() -> None:
    assert [unsaved_words(count) for count in (1, 2)] == ["1 change is not saved.", "2 changes are not saved."]
