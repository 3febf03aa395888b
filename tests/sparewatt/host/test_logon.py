"""What every entry of what starts at logon must do; the fake stands under the same contract."""

import configparser
import shlex
import stat
from collections.abc import Callable
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.errors import ConflictError, InputError, StorageError
from sparewatt.host.logon import LogonChoice, LogonCommands, LogonEntry, commands_for, settle
from sparewatt.host.logon_linux import XdgAutostart, config_folder, desktop_entry, exec_value
from sparewatt.host.logon_macos import LaunchAgent, launch_agent, parsed
from sparewatt.host.logon_windows import command_line, state_of
from sparewatt.testing.logon import FakeLogonEntry

DATA = Path("/home/someone/.local/share/sparewatt")
OTHER_DATA = Path("/mnt/other")
COMMANDS = LogonCommands(
    name="sparewatt",
    data_folder=DATA,
    tray=("/opt/sparewatt/bin/sparewatt-desktop", "--tray"),
    engine=("/opt/sparewatt/bin/python", "-P", "-m", "sparewatt.engine", "--data-folder", str(DATA)),
)
MOVED = LogonCommands(COMMANDS.name, DATA, ("/new/sparewatt-desktop", "--tray"), ("/new/python", "-m", "x"))
CHOICES: tuple[LogonChoice, ...] = ("off", "tray", "engine")

Make = Callable[[Path, LogonCommands], LogonEntry]
MAKERS: dict[str, Make] = {
    "xdg": lambda folder, commands: XdgAutostart(folder / "autostart", commands),
    "launchd": lambda folder, commands: LaunchAgent(folder / "LaunchAgents", commands),
    "fake": lambda folder, commands: FakeLogonEntry(),
}
FOLDERS = {"xdg": "autostart", "launchd": "LaunchAgents"}


@pytest.fixture(params=MAKERS)
def entry(request: pytest.FixtureRequest, tmp_path: Path) -> LogonEntry:
    return MAKERS[request.param](tmp_path, COMMANDS)


@pytest.fixture(params=FOLDERS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def only_file(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


def test_nothing_starts_before_anything_was_chosen(entry: LogonEntry) -> None:
    assert entry.read() == "off"


@pytest.mark.parametrize("first", CHOICES)
@pytest.mark.parametrize("then", CHOICES)
def test_what_was_written_last_is_what_is_read(entry: LogonEntry, first: LogonChoice, then: LogonChoice) -> None:
    for choice in (first, then, then):
        entry.write(choice)
    assert entry.read() == then


@pytest.mark.parametrize("choice", CHOICES)
def test_the_setting_wins_over_what_is_there(entry: LogonEntry, choice: LogonChoice) -> None:
    entry.write("engine")
    settle(entry, choice)
    assert entry.read() == choice


def test_off_leaves_no_file(kind: str, tmp_path: Path) -> None:
    entry = MAKERS[kind](tmp_path, COMMANDS)
    entry.write("tray")
    entry.write("off")
    assert list((tmp_path / FOLDERS[kind]).iterdir()) == []


def test_off_makes_no_folder(kind: str, tmp_path: Path) -> None:
    settle(MAKERS[kind](tmp_path, COMMANDS), "off")
    assert list(tmp_path.iterdir()) == []


def test_an_entry_that_starts_an_older_place_is_ours_and_replaced(kind: str, tmp_path: Path) -> None:
    MAKERS[kind](tmp_path, MOVED).write("engine")
    entry = MAKERS[kind](tmp_path, COMMANDS)
    assert entry.read() == "stale"
    settle(entry, "engine")
    assert entry.read() == "engine"


@pytest.mark.parametrize(
    "left", [b"[Desktop Entry]\nName=Sparewatt\nExec=/bin/other\n", b"", b"\xff\xfe", b"x" * 70_000]
)
def test_another_programs_entry_is_never_touched(kind: str, left: bytes, tmp_path: Path) -> None:
    entry = MAKERS[kind](tmp_path, COMMANDS)
    entry.write("tray")
    path = only_file(tmp_path / FOLDERS[kind])
    path.write_bytes(left)
    assert entry.read() == "foreign"
    settle(entry, "off")
    for choice in ("tray", "engine"):
        with pytest.raises(ConflictError) as caught:
            settle(entry, choice)
        assert caught.value.error_id == "logon.foreign"
    assert path.read_bytes() == left


def test_a_link_in_the_entrys_place_is_not_ours(kind: str, tmp_path: Path) -> None:
    entry = MAKERS[kind](tmp_path, COMMANDS)
    entry.write("tray")
    path = only_file(tmp_path / FOLDERS[kind])
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert entry.read() == "foreign"


def test_a_place_that_cannot_be_written_is_said(kind: str, tmp_path: Path) -> None:
    (tmp_path / FOLDERS[kind]).write_text("a file where the folder should be")
    with pytest.raises(StorageError) as caught:
        MAKERS[kind](tmp_path, COMMANDS).write("tray")
    assert caught.value.error_id == "logon.entry"


def test_the_entry_is_its_users_alone(kind: str, tmp_path: Path) -> None:
    MAKERS[kind](tmp_path, COMMANDS).write("tray")
    assert stat.S_IMODE(only_file(tmp_path / FOLDERS[kind]).stat().st_mode) == 0o600


def test_two_data_folders_have_two_entries() -> None:
    python = Path("/opt/python")
    usual = commands_for(DATA, DATA, python, "0123")
    other = commands_for(OTHER_DATA, DATA, python, "4567")
    assert (usual.name, other.name) == ("sparewatt", "sparewatt-4567")
    assert str(OTHER_DATA) in other.tray
    assert str(DATA) not in usual.tray


def test_commands_start_what_stands_beside_the_interpreter(tmp_path: Path) -> None:
    python = tmp_path / "python"
    assert commands_for(DATA, DATA, python, "").tray == (str(python), "-P", "-m", "sparewatt_desktop", "--tray")
    (tmp_path / "sparewatt-desktop").touch()
    found = commands_for(DATA, DATA, python, "")
    assert found.tray == (str(tmp_path / "sparewatt-desktop"), "--tray")
    assert found.engine == (str(python), "-P", "-m", "sparewatt.engine", "--data-folder", str(DATA))


def test_on_windows_no_console_window_opens(tmp_path: Path) -> None:
    for name in ("pythonw.exe", "sparewatt-desktop.exe"):
        (tmp_path / name).touch()
    found = commands_for(DATA, DATA, tmp_path / "python.exe", "")
    assert found.engine[0] == str(tmp_path / "pythonw.exe")
    assert found.tray[0] == str(tmp_path / "sparewatt-desktop.exe")


@pytest.mark.parametrize(
    ("xdg", "folder"),
    [
        (None, "/home/someone/.config/autostart"),
        ("", "/home/someone/.config/autostart"),
        ("/x", "/x/autostart"),
        ("relative", "/home/someone/.config/autostart"),
    ],
)
def test_the_autostart_folder(xdg: str | None, folder: str) -> None:
    assert config_folder(xdg, Path("/home/someone")) == Path(folder)


def test_a_desktop_entry_has_what_the_specification_requires() -> None:
    parser = configparser.RawConfigParser(delimiters=("=",), strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(desktop_entry(COMMANDS, "tray"))
    found = dict(parser["Desktop Entry"])
    assert (found["Type"], found["Name"], found["Terminal"]) == ("Application", "Sparewatt", "false")
    assert found["Exec"] == '"/opt/sparewatt/bin/sparewatt-desktop" "--tray"'


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1), min_size=1))
def test_a_command_of_any_letters_is_found_again_in_exec(command: list[str]) -> None:
    value = exec_value(tuple(command))
    assert "\n" not in value
    unescaped = value.replace("\\\\", "\0").replace("\0", "\\")  # the string's own escape comes off first
    # Double quotes with backslashes before " ` $ \ are read by a POSIX shell just so; field codes are doubled.
    assert [argument.replace("%%", "%") for argument in shlex_as_desktop(unescaped)] == command


def shlex_as_desktop(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split, lexer.commenters, lexer.escapedquotes = True, "", '"'
    lexer.quotes = '"'
    return [each.replace("\\`", "`").replace("\\$", "$") for each in lexer]


def test_a_path_with_a_space_and_a_backslash_is_escaped_twice() -> None:
    assert exec_value(("/a b", "c\\d$")) == r'"/a b" "c\\\\d\\$"'


def test_a_launch_agent_starts_its_program_once_in_the_persons_own_session() -> None:
    agent = launch_agent(COMMANDS, "engine")
    assert agent["ProgramArguments"] == list(COMMANDS.engine)
    assert (agent["RunAtLoad"], agent["LimitLoadToSessionType"]) == (True, "Aqua")
    assert "KeepAlive" not in agent


@pytest.mark.parametrize("data", [b"", b"<plist", b"bplist00", b"<?xml version='1.0'?><plist><array/></plist>"])
def test_what_is_no_property_list_of_an_agent_is_empty(data: bytes) -> None:
    assert parsed(data) == {}


def test_a_run_key_holds_one_line_that_windows_splits_again() -> None:
    program = str(PureWindowsPath(r"C:\Program Files\Sparewatt\sparewatt-desktop.exe"))
    commands = LogonCommands("sparewatt", DATA, (program, "--tray"), ("x",))
    assert command_line(commands, "tray") == f'"{program}" --tray'


def test_a_line_that_windows_would_cut_is_refused() -> None:
    long = LogonCommands("sparewatt", DATA, ("x" * 261,), ("x",))
    with pytest.raises(InputError) as caught:
        command_line(long, "tray")
    assert (caught.value.error_id, caught.value.parameters) == ("logon.length", {"length": 261, "most": 260})


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (None, "off"),
        ("/opt/sparewatt/bin/sparewatt-desktop --tray", "tray"),
        (r'"C:\old\Sparewatt-Desktop.exe" --tray', "stale"),
        (r"C:\other.exe", "foreign"),
        (7, "foreign"),
    ],
)
def test_what_a_value_of_the_run_key_says(found: object, state: str) -> None:
    assert state_of(found, COMMANDS) == state
