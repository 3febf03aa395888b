"""status, pause, resume, leave, settings, logs and engine stop against an engine's real control channel."""

import json
import time
from collections.abc import Callable

import msgspec
import pytest

from sparewatt.control.messages import DevicePresets, PresetValue
from sparewatt.errors import InputError, StorageError
from sparewatt.history.rows import EnergyRow, PastAssignment
from sparewatt.settings.values import Settings
from sparewatt.snapshot import ComputerSnapshot, ConflictSnapshot, EnergySnapshot, ErrorSnapshot
from sparewatt.testing.control_engine import ControlEngine
from sparewatt.testing.snapshots import RUN, busy, busy_processor, young_run
from sparewatt_cli import exit_codes
from sparewatt_cli.surroundings import Surroundings

Command = Callable[..., int]
Serve = Callable[[ControlEngine], ControlEngine]
NO_ENGINE = 9


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("status", "--json"),
        ("pause",),
        ("resume",),
        ("contribute",),
        ("energy",),
        ("leave", "ab"),
        ("receipts", "list"),
        ("receipts", "verify"),
        ("engine", "stop"),
    ],
)
def test_without_an_engine_a_command_says_so_and_has_an_exit_code_of_its_own(
    command: Command, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert command(*arguments) == NO_ENGINE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "sparewatt: No engine runs. Start one: sparewatt engine start\n"


def test_status_shows_run_device_loss_and_credit(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(ControlEngine(busy()))
    assert command("status") == 0
    out = capsys.readouterr().out
    for part in (RUN[:8], "A run", "3.2100 nats per byte", "A processor", "no power sensor", "speed limit 100 %"):
        assert part in out


def test_status_says_why_a_model_is_not_compiled(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = busy()
    why = ErrorSnapshot("compile.no_compiler", {"program": "g++"}, None)
    device = msgspec.structs.replace(shown.devices[0], uncompiled=why)
    serve(ControlEngine(msgspec.structs.replace(shown, devices=(device,))))
    assert command("status") == 0
    assert "There is no g++ on this computer" in capsys.readouterr().out


def test_status_as_json_is_the_whole_snapshot(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(ControlEngine(busy()))
    assert command("status", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["runs"][0]["run"] == RUN
    assert shown["devices"][0]["decision"]["compute"] == "full"


def test_status_of_an_engine_without_runs_says_how_to_join(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(ControlEngine(busy((busy_processor(worker="none", tokens_per_s=None),), ())))
    assert command("status") == 0
    assert "sparewatt join" in capsys.readouterr().out


def test_a_pause_ends_when_it_was_said_to(command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    engine = serve(ControlEngine(busy()))
    before = int(time.time())
    assert command("pause", "15m") == 0
    [(name, until)] = engine.commands
    assert name == "pause"
    assert isinstance(until, int)
    assert before + 900 <= until <= int(time.time()) + 900
    assert capsys.readouterr().out.startswith("Paused until ")


def test_a_pause_without_a_length_lasts_until_resumed(command: Command, serve: Serve) -> None:
    engine = serve(ControlEngine(busy()))
    assert command("pause") == 0
    assert command("resume") == 0
    assert engine.commands == [("pause", 0), ("resume",)]


def test_a_pause_until_the_game_closes_is_the_engines_to_end(command: Command, serve: Serve) -> None:
    engine = serve(ControlEngine(busy()))
    assert command("pause", "game") == 0
    assert engine.commands == [("pause_for_game",)]


def test_a_pause_for_a_game_needs_one(command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    serve(ControlEngine(busy(), refuses=InputError("pause.no_game")))
    assert command("pause", "game") == 2
    assert "No game is running" in capsys.readouterr().err


def test_contributing_now_lasts_an_hour_or_what_was_said_or_is_taken_back(command: Command, serve: Serve) -> None:
    engine = serve(ControlEngine(busy()))
    before = int(time.time())
    assert command("contribute") == 0
    assert command("contribute", "30m") == 0
    assert command("contribute", "stop") == 0
    (_, hour), (_, half), stop = engine.commands
    assert isinstance(hour, int)
    assert isinstance(half, int)
    assert before + 3_600 <= hour <= int(time.time()) + 3_600
    assert before + 1_800 <= half <= int(time.time()) + 1_800
    assert stop == ("contribute_now", 0)
    assert command("contribute", "2d") == 2


def test_energy_is_told_by_period_with_its_cost_and_what_is_uncertain(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (
        EnergyRow("2026-11-23", "cpu", RUN, 0, 0, 3_600_000, 3_600_000, 0, 0, 1_000),
        EnergyRow("2026-11-24", "cuda:GPU-1", RUN, 3_600_000_000, 100, 1, 0, 320_000, 473_000, 2_000_000),
    )
    serve(ControlEngine(busy(), priced=True, energy=rows))
    assert command("energy", "--last", "2") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "2026-11-23  energy not measured, 1,000 tokens, 0 B sent and received, 0 B written"
    assert second.startswith(
        "2026-11-24  1.00 kWh, 0.32 EUR, about 473 g CO₂, 2.00 million tokens, 2.0 M tokens per kWh"
    )
    assert "estimated" in second
    assert command("energy", "--json") == 0
    assert json.loads(capsys.readouterr().out)["energy"][1]["cost_micro"] == 320_000


def test_without_a_price_no_cost_is_told_and_how_to_say_one(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(ControlEngine(busy(), energy=(EnergyRow("2026-11-24", "cpu", RUN, 3_600_000),)))
    assert command("energy") == 0
    out = capsys.readouterr().out
    assert "EUR" not in out
    assert "sparewatt settings set power_price_ct_per_kwh" in out


def test_past_assignments_are_told_newest_first(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    past = PastAssignment("a" * 32, RUN, "cpu", 1_795_000_000, 1_795_000_060, 61_440, 7_200_000, True, True)
    unmeasured = PastAssignment("b" * 32, RUN, "cpu", 1_795_000_000, 1_795_000_060, 61_440, 0, False, False)
    serve(ControlEngine(busy(), assignments=(past, unmeasured)))
    assert command("energy", "--assignments") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("cpu: 61,440 tokens in 1 min 00 s, 2.0 Wh (estimated)")
    assert second.endswith("energy not measured")


def test_nothing_counted_yet_is_said(command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    serve(ControlEngine(busy()))
    assert command("energy") == command("energy", "--assignments") == 0
    assert capsys.readouterr().out == "Nothing was counted yet.\n" * 2


def test_status_tells_what_the_person_asked_for_conflicts_energy_and_idle_time(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    snapshot = msgspec.structs.replace(
        busy(),
        contribute_until_unix_s=1_795_003_600,
        paused_for_game=True,
        computer=ComputerSnapshot("mains", None, None, None, True, 600.0, "xscreensaver", None),
        conflicts=(ConflictSnapshot("devices_off", {}, "device_use"),),
        energy=EnergySnapshot(100.0, 1234.0, 10, 395_000, "EUR", 584.0, 5, True, 0.0, 10**9, 10**8),
        settings_error=ErrorSnapshot("settings.damaged", {"path": "x.damaged"}, None),
    )
    serve(ControlEngine(snapshot))
    assert command("status") == 0
    out = capsys.readouterr().out
    for part in (
        "Contributing until ",
        "Paused until a minute after the game has closed.",
        "Mouse and keyboard have rested for 10 min.",
        "You switched every device off, so nothing ever computes. Setting: device_use.",
        "This month 1.23 kWh (today 100.0 Wh), 0.40 EUR, about 584 g CO₂, 1.0 GB sent and received; partly estimated",
        "Your settings could not be read",
        "Limits: speed limit 100 %.",
    ):
        assert part in out


def test_what_a_setting_cannot_be_here_is_said_below_it(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = serve(ControlEngine(busy(), settings=Settings(7, {"when_to_run": "idle"})))
    engine.withheld = {"when_to_run": {"idle": "idle_unknown"}}
    engine.unavailable = {"power_cap_watts@cpu": "no_power_sensor"}
    assert command("settings") == 0
    out = capsys.readouterr().out
    assert "Not 'idle': It cannot be known here whether you are using the computer." in out
    assert "no cap in watts can be kept" in out


def test_a_bad_length_is_refused_before_the_engine_is_asked(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = serve(ControlEngine(busy()))
    assert command("pause", "a while") == 2
    assert engine.commands == []
    assert "15m, 1h, 2d, tomorrow or game" in capsys.readouterr().err


def test_a_run_is_left_by_the_first_letters_of_its_name(command: Command, serve: Serve) -> None:
    engine = serve(ControlEngine(busy()))
    assert command("leave", "abab") == 0
    assert engine.commands == [("leave", RUN)]


def test_leaving_what_was_never_joined_is_refused(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = serve(ControlEngine(busy()))
    assert command("leave", "ffff") == 2
    assert engine.commands == []
    assert "sparewatt status" in capsys.readouterr().err


def test_letters_that_fit_two_runs_are_refused(command: Command, serve: Serve) -> None:
    serve(ControlEngine(busy(runs=(young_run("ab" * 32), young_run("ac" * 32)))))
    assert command("leave", "a") == 2


def test_what_the_engine_refuses_ends_with_the_class_of_its_error(command: Command, serve: Serve) -> None:
    serve(
        ControlEngine(
            busy(), refuses=StorageError("settings.write", path="settings.json", reason="No space left on device")
        )
    )
    assert command("pause") == 5


PRESETS = (
    DevicePresets(
        "cuda:GPU-1",
        (
            PresetValue("quiet", 135, 62, 100, "measured"),
            PresetValue("balanced", 210, 75, 100, "measured"),
            PresetValue("full", None, 83, 100, "none"),
        ),
    ),
    DevicePresets(
        "cpu",
        (
            PresetValue("quiet", None, None, 40, "none"),
            PresetValue("balanced", None, None, 70, "none"),
            PresetValue("full", None, None, 100, "none"),
        ),
    ),
)


def preset_engine() -> ControlEngine:
    return ControlEngine(
        snapshot=busy((busy_processor(), msgspec.structs.replace(busy_processor(), device="cuda:GPU-1", kind="cuda"))),
        presets=PRESETS,
    )


def test_a_preset_sets_what_each_device_can_keep(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = serve(preset_engine())
    assert command("settings", "preset", "quiet") == 0
    assert engine.settings.texts == {
        "power_cap_watts@cuda:GPU-1": "135",
        "speed_limit_percent@cuda:GPU-1": "100",
        "temperature_limit_celsius@cuda:GPU-1": "62",
        "power_cap_watts@cpu": "0",
        "speed_limit_percent@cpu": "40",
    }
    assert engine.settings.revision == 7 + 5
    assert capsys.readouterr().out.splitlines()[0] == "power_cap_watts@cuda:GPU-1 is now 135."


def test_a_preset_for_one_device_leaves_the_others_alone(command: Command, serve: Serve) -> None:
    engine = serve(preset_engine())
    assert command("settings", "preset", "full", "--device", "cuda:GPU-1") == 0
    assert [key for _, _, key, _ in engine.commands] == [
        "power_cap_watts@cuda:GPU-1",
        "speed_limit_percent@cuda:GPU-1",
        "temperature_limit_celsius@cuda:GPU-1",
    ]
    assert engine.settings.texts["power_cap_watts@cuda:GPU-1"] == "0"


def test_a_preset_needs_a_device_whose_sensors_were_heard(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = serve(preset_engine())
    assert command("settings", "preset", "quiet", "--device", "metal") == 2
    assert "No presets are known for metal. There are some for: cuda:GPU-1, cpu." in capsys.readouterr().err
    engine.presets = ()
    assert command("settings", "preset", "quiet") == 3
    assert engine.commands == []
    assert command("settings", "preset", "loud") == 2


def test_a_preset_needs_a_running_engine(command: Command) -> None:
    assert command("settings", "preset", "quiet") == exit_codes.NO_ENGINE


def test_settings_are_read_and_changed_through_a_running_engine(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = serve(ControlEngine(busy()))
    assert command("settings", "set", "speed_limit_percent@cpu", "80") == 0
    assert engine.commands == [("set", 7, "speed_limit_percent@cpu", "80")]
    capsys.readouterr()
    assert command("settings", "get", "speed_limit_percent@cpu") == 0
    assert capsys.readouterr().out == "80\n"
    assert command("settings", "list", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["revision"] == 8
    assert {"key", "value", "default", "scope"} <= shown["settings"][0].keys()


def test_a_change_that_leaves_a_conflict_says_so(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    conflicts = (ConflictSnapshot("hours_ignored", {"hours": "mo 1:00-2:00"}, "when_to_run"),)
    serve(ControlEngine(msgspec.structs.replace(busy(), conflicts=conflicts)))
    assert command("settings", "set", "hours", "mo 1:00-2:00") == 0
    assert capsys.readouterr().out.splitlines() == [
        "hours is now mo 1:00-2:00.",
        "You chose always, so your hours (mo 1:00-2:00) do not matter. Setting: when_to_run.",
    ]


def test_settings_are_kept_without_an_engine(
    command: Command, capsys: pytest.CaptureFixture[str], place: Surroundings
) -> None:
    assert command("settings", "set", "run_on_battery", "on") == 0
    assert command("settings", "set", "speed_limit_percent@cpu", "80") == 0
    capsys.readouterr()
    assert command("settings", "get", "run_on_battery") == 0
    assert command("settings", "get", "speed_limit_percent@cpu") == 0
    assert command("settings", "get", "speed_limit_percent") == 0
    assert capsys.readouterr().out == "on\n80\n50\n"
    assert command("settings") == 0
    assert "run_on_battery" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ("get", "no_such_key"),
        ("set", "no_such_key", "1"),
        ("set", "speed_limit_percent@cpu", "0"),
        ("get", "hours@cpu"),
    ],
)
def test_unknown_settings_and_values_out_of_bounds_are_refused(command: Command, arguments: tuple[str, ...]) -> None:
    assert command("settings", *arguments) == 2


@pytest.mark.parametrize(
    "arguments",
    [("settings", "set", "group", "on"), ("settings", "get", "group"), ("engine", "start", "--device", "group")],
)
def test_a_group_of_cards_is_refused_in_words(
    command: Command, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert command(*arguments) == 2
    assert "each card contributes by itself" in capsys.readouterr().err


def test_logs_are_the_last_lines_and_their_absence_is_no_failure(
    command: Command, capsys: pytest.CaptureFixture[str], place: Surroundings
) -> None:
    assert command("logs") == 0
    assert "Nothing has been logged" in capsys.readouterr().err
    place.data_folder.mkdir()
    place.engine_log.write_text("".join(f"line {number}\n" for number in range(100)))
    assert command("logs", "-n", "2") == 0
    assert capsys.readouterr().out == "line 98\nline 99\n"


def test_an_engine_is_stopped_through_its_control_channel(command: Command, serve: Serve) -> None:
    engine = serve(ControlEngine(busy()))
    assert command("engine", "stop") == 0
    assert engine.commands == [("shutdown",)]


def test_starting_an_engine_that_runs_changes_nothing(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = serve(ControlEngine(busy()))
    assert command("engine", "start") == 0
    assert engine.commands == []
    assert "already" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [("get", "hours"), ("list",), ("set", "run_on_battery", "on")])
def test_a_broken_file_of_settings_is_told_once_and_kept(
    command: Command, place: Surroundings, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    place.data_folder.mkdir()
    (place.data_folder / "settings.json").write_text('{"revision": ')
    assert command("settings", *arguments) == 0
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "could not be read" in said
    assert (place.data_folder / "settings.json.damaged").read_text() == '{"revision": '
