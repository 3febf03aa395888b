"""The command line of the desktop."""

from pathlib import Path

import pytest

from sparewatt.host.logon import commands_for
from sparewatt_desktop.__main__ import DATA_FOLDER_VARIABLE, parse_options
from sparewatt_desktop.platform.place import default_data_folder

MODULE = ("-P", "-m", "sparewatt_desktop")


def test_without_options_the_window_is_shown_and_an_engine_started() -> None:
    options = parse_options([], {})
    assert options.data_folder == default_data_folder()
    assert (options.hidden, options.engine, options.parent_pipe) == (False, True, False)


def test_a_data_folder_may_come_from_the_environment(tmp_path: Path) -> None:
    assert parse_options([], {DATA_FOLDER_VARIABLE: str(tmp_path)}).data_folder == tmp_path


@pytest.mark.parametrize("name", ["usual", "other folder"])
def test_what_starts_at_logon_is_a_command_line_of_this_program(tmp_path: Path, name: str) -> None:
    usual, folder = tmp_path / "usual", tmp_path / name
    command = commands_for(folder, usual, tmp_path / "python", "0123abcd").tray
    assert command[1:4] == MODULE
    options = parse_options(command[4:], {DATA_FOLDER_VARIABLE: str(usual)})
    assert options.hidden
    assert options.engine
    assert options.data_folder == folder


def test_an_unknown_option_ends_with_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_options(["--nonsense"], {})
    assert ended.value.code == 2
    assert "usage: sparewatt-desktop" in capsys.readouterr().err
