"""`sparewatt run` on folders that no coordinator serves, and the ways in which that is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., int]
LINES = 20_000


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Half a megabyte of different lines, which is more than the smallest run needs."""
    path = tmp_path / "numbers.txt"
    path.write_text("".join(f"line {number}, {number * 7919 % 10_007:05d} apples\n" for number in range(LINES)))
    return path


@pytest.fixture
def made(command: Command, text: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "numbers"
    assert create(command, folder, text) == 0
    return folder


def create(command: Command, folder: Path, text: Path, *more: str) -> int:
    words = ("--title", "Numbers", "--licence", "CC0-1.0", "--size", "try")
    return command("run", "create", "--data", str(folder), "--text", str(text), *words, *more)


def test_a_new_run_says_where_its_key_is_and_how_to_serve_it(
    command: Command, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "numbers"
    assert create(command, folder, text) == 0
    out = capsys.readouterr().out
    assert "in the clear" in out
    assert "sparewatt coordinator serve --data" in out
    key = folder.with_name("numbers.key")
    assert key.stat().st_mode & 0o077 == 0
    assert key.read_text().strip() not in out


def test_a_run_is_never_made_over_another(command: Command, made: Path, text: Path) -> None:
    before = sorted(path.name for path in made.iterdir())
    assert create(command, made, text) == 4
    assert sorted(path.name for path in made.iterdir()) == before


def test_the_key_is_refused_inside_the_folder_that_is_served(command: Command, text: Path, tmp_path: Path) -> None:
    folder = tmp_path / "numbers"
    assert create(command, folder, text, "--key", str(folder / "run.key")) == 2
    assert not folder.exists()


@pytest.mark.parametrize("content", ["", "too little\n"])
def test_too_little_text_leaves_nothing_behind(command: Command, tmp_path: Path, content: str) -> None:
    text, folder = tmp_path / "little.txt", tmp_path / "run"
    text.write_text(content)
    assert create(command, folder, text) == 2
    assert not folder.exists()


def test_an_unknown_size_is_refused_with_those_there_are(
    command: Command, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert create(command, tmp_path / "run", text, "--size", "huge") == 2
    assert "try, tiny, small" in capsys.readouterr().err


def test_a_run_is_shown_and_listed_without_a_coordinator(
    command: Command, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert command("run", "show", "--data", str(made)) == 0
    assert "no coordinator serves it now" in capsys.readouterr().out
    assert command("run", "show", "--data", str(made), "--json") == 0
    assert json.loads(capsys.readouterr().out)["manifest"]["title"] == "Numbers"
    assert command("run", "list", str(made.parent), "--json") == 0
    [listed] = json.loads(capsys.readouterr().out)
    assert listed["title"] == "Numbers"
    assert listed["url"] == ""


def test_a_closed_run_says_why(command: Command, made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("run", "close", "--data", str(made), "--now", "--words", "Out of numbers.") == 0
    capsys.readouterr()
    assert command("run", "show", "--data", str(made)) == 0
    assert "closed: Out of numbers." in capsys.readouterr().out


def test_version_0_can_be_exported_once(command: Command, made: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    assert command("run", "export", "--data", str(made), "--to", str(model)) == 0
    assert {path.name for path in model.iterdir()} == {"README.md", "config.json", "model.safetensors"}
    assert command("run", "export", "--data", str(made), "--to", str(model)) == 4


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("invite",), 3),
        (("close",), 3),
        (("show",), 0),
    ],
)
def test_what_needs_a_coordinator_says_how_to_start_one(
    command: Command, made: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int
) -> None:
    capsys.readouterr()
    assert command("run", *arguments, "--data", str(made)) == code
    assert ("sparewatt coordinator serve --data" in capsys.readouterr().err) is (code != 0)


@pytest.mark.parametrize("arguments", [("show",), ("close", "--now")])
def test_a_folder_without_a_run_is_named(command: Command, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert command("run", *arguments, "--data", str(tmp_path)) == 3


def test_others_are_not_let_in(command: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    half = ("--listen", "0.0.0.0:7520", "--certificate", "a.pem")
    assert command("coordinator", "serve", "--data", str(tmp_path), *half) == 2


def test_a_new_key_needs_the_organisers_and_a_run(
    command: Command, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (made / "online.key").read_text()
    assert command("run", "rotate-key", "--data", str(made)) == 0
    assert (made / "online.key").read_text() != before
    assert command("run", "rotate-key", "--data", str(made), "--key", str(tmp_path / "none")) == 5
    assert not (tmp_path / "none").exists(), "a mistyped key is not made"
    assert command("run", "rotate-key", "--data", str(tmp_path)) == 3
    assert command("run", "show", "--data", str(made)) == 0


@pytest.mark.parametrize("group", ["invites", "contributors"])
def test_who_may_come_and_who_is_there_is_the_coordinators_to_say(
    command: Command, made: Path, capsys: pytest.CaptureFixture[str], group: str
) -> None:
    assert command("run", group) == 2
    assert "--data" in capsys.readouterr().err
    assert command("run", group, "--data", str(made)) == 3
    assert command("run", group, "revoke", "--data", str(made), "abc") == 3
