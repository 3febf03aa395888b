"""A person whose system speaks German is answered in German."""

from collections.abc import Callable

import pytest

from sparewatt.control.messages import DevicePresets, PresetValue
from sparewatt.snapshot import ConflictSnapshot
from sparewatt.testing.control_engine import ControlEngine
from sparewatt.testing.snapshots import busy

Command = Callable[..., int]
Serve = Callable[[ControlEngine], ControlEngine]


@pytest.fixture(autouse=True)
def german(place: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")


def test_an_error_is_told_with_all_that_stands_in_it(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("status") == 9
    assert capsys.readouterr().err == "sparewatt: Es läuft keine Engine. Starte eine: sparewatt engine start\n"
    assert command("join", "sparewatt+wss://example.org:1/abc", "--no-start") == 2
    assert "(der Name des Laufs)" in capsys.readouterr().err


def test_the_state_is_told_in_german_and_nothing_else(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    conflicts = (ConflictSnapshot("devices_off", {}, "use_device"),)
    serve(ControlEngine(busy(paused_until_unix_s=0, conflicts=conflicts)))
    assert command("status") == 0
    out = capsys.readouterr().out
    for part in ("Pause, bis du fortsetzt", "trainiert", "3,2100 ", "Tempolimit 100 %", "Einstellung: use"):
        assert part in out
    for english in ("Engine 0.1.0 runs", "sent", "tokens/s ", "version ", "training", "receipts", "Setting"):
        assert english not in out


def test_steering_answers_in_german(command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    presets = (DevicePresets("cpu", (PresetValue("quiet", None, None, 40, "none"),)),)
    serve(ControlEngine(busy(), presets=presets))
    for arguments, said in (
        (("pause", "1h"), "Pause bis "),
        (("pause", "game"), "Pause bis eine Minute nach dem Ende des Spiels."),
        (("resume",), "Es geht weiter."),
        (("contribute",), "beigetragen"),
        (("settings", "preset", "quiet"), "speed_limit_percent@cpu ist jetzt 40."),
        (("settings", "set", "run_on_battery", "on"), "run_on_battery ist jetzt on."),
    ):
        assert command(*arguments) == 0
        assert said in capsys.readouterr().out
