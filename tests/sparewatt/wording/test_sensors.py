import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparewatt.wording.error_table import ERRORS
from sparewatt.wording.sensors import IDLE_SOURCES, REASONS, idle_source_words, reason_words

ROOT = Path(__file__).parents[3] / "core/sparewatt"
HOST = ROOT / "host"


def calls(name: str) -> Iterator[ast.Call]:
    for path in HOST.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name:
                yield node


def reasons() -> set[str]:
    """Every reason that the host's modules name."""
    given = [argument for call in calls("Unknown") for argument in ast.walk(call)]
    for name in ("SessionState", "Power", "Bus", "AllGames", "FirstOf"):
        given += [
            keyword.value for call in calls(name) for keyword in call.keywords if keyword.arg in ("reason", "none")
        ]
    given += [argument for call in calls("Bus") for argument in call.args]
    given += [call.args[3] for call in calls("Power") if len(call.args) == 4]
    return {node.value for node in given if isinstance(node, ast.Constant) and isinstance(node.value, str)} - {""}


def test_every_reason_has_words() -> None:
    found = reasons()
    assert {"no_display", "hangs", "no_system_bus", "not_on_this_system", "no_service"} <= found
    assert found - set(REASONS) == set()


def test_no_reason_has_words_for_nothing() -> None:
    assert set(REASONS) - reasons() - {"not_yet", "hangs"} == set()


def test_every_idle_source_has_a_name() -> None:
    named = {
        node.value.value
        for path in (HOST / "idle").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.AnnAssign | ast.Assign)
        and getattr(node.targets[0] if isinstance(node, ast.Assign) else node.target, "id", "") == "name"
        and isinstance(node.value, ast.Constant)
    }
    assert named == set(IDLE_SOURCES)


def test_every_sensor_that_can_be_missing_has_words() -> None:
    named = {
        node.value
        for path in HOST.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("sensor.")
    }
    named = {each for each in named if "{" not in each and not each.endswith((".", "_"))}
    assert len(named) > 15
    assert named - set(ERRORS) == set()
    # Put together of a prefix and the sensor's name.
    assert {"sensor.nvidia_power", "sensor.nvidia_temperature"} <= set(ERRORS)


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_a_reason_is_a_sentence(reason: str) -> None:
    assert reason_words(reason)[0].isupper()
    assert reason_words(reason).endswith(".")
    assert idle_source_words(reason) == reason_words(reason)


def test_a_reason_of_another_version_is_still_a_sentence() -> None:
    assert reason_words("tomorrow").endswith(".")
    assert idle_source_words("mutter") == "GNOME"
