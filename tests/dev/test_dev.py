"""The file everybody starts with."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
MADE = {"python": ["3.11.7", "here"], "torch": ["--index-url", "u"], "run": ["a"]}


@pytest.fixture(scope="module")
def dev() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("done", "wanted", "step"),
    [
        ({}, MADE, "make"),
        (MADE, MADE, "nothing"),
        ({**MADE, "dev": ["b"]}, MADE, "nothing"),
        (MADE, {**MADE, "run": ["c"]}, "install"),
        ({**MADE, "run": ["a"]}, {"python": MADE["python"], "torch": MADE["torch"], "dev": ["b"]}, "install"),
        (MADE, {**MADE, "python": ["3.12.1", "here"]}, "make"),
        (MADE, {**MADE, "python": ["3.11.7", "moved"]}, "make"),
        (MADE, {**MADE, "torch": ["--index-url", "v"]}, "make"),
    ],
    ids=[
        "none or unfinished",
        "finished",
        "dev serves run",
        "new pins",
        "run grows to dev",
        "python",
        "moved",
        "torch",
    ],
)
def test_an_environment_is_made_brought_up_to_date_or_left_alone(
    dev: ModuleType, done: dict[str, list[str]], wanted: dict[str, list[str]], step: str
) -> None:
    assert dev.next_step(done, wanted) == step


def test_the_two_kinds_of_environment_are_named_apart(dev: ModuleType) -> None:
    assert dev.fingerprint("run") == dev.fingerprint("run")
    assert dev.fingerprint("run") != dev.fingerprint("dev")


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("Failed to resolve 'index' ([Errno -3] Temporary failure in name resolution)", "cannot be reached"),
        # What pip says at last is a consequence; the network comes first.
        ("NewConnectionError: refused\nERROR: No matching distribution found for torch==2.13.0", "cannot be reached"),
        ("ERROR: No matching distribution found for torch==2.13.0", "--torch-index"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "nothing of it was used"),
        ("PermissionError: [Errno 13] Permission denied: 'x'", "cannot be written"),
        ("first\nsomething nobody foresaw", "something nobody foresaw"),
    ],
)
def test_a_failure_has_one_sentence(dev: ModuleType, said: str, sentence: str) -> None:
    assert sentence in dev.reason(said.splitlines())


def test_an_unknown_failure_shows_no_more_than_its_end(dev: ModuleType) -> None:
    shown = dev.reason([f"line {number}" for number in range(400)])
    assert "line 399" in shown
    assert len(shown.splitlines()) < 20


@pytest.mark.parametrize(
    ("source", "platform", "has_driver", "offers"),
    [
        ([], "linux", False, True),
        ([], "linux", True, False),
        ([], "win32", True, True),
        ([], "win32", False, False),
        ([], "darwin", False, False),
        (["--index-url", "https://example.org/cpu"], "linux", False, False),
    ],
)
def test_it_says_what_it_fetches_and_where_another_torch_may_be_better(
    dev: ModuleType, source: list[str], platform: str, has_driver: bool, offers: bool
) -> None:
    said = dev.announcement("run", source, platform, has_driver=has_driver)
    assert "GB to download" in said
    assert (source[-1] if source else "the package index that pip is configured for") in said
    assert ("--torch-index" in said) == offers


def test_words_for_others_are_handed_on_and_a_source_of_torch_may_stand_anywhere(
    dev: ModuleType, tmp_path: Path
) -> None:
    index = ["--index-url", "https://example.org"]
    assert dev.parse(["--torch-index", index[1], "try", "--minutes", "1"]) == ("try", index, ["--minutes", "1"])
    assert dev.parse(["test", "-k", "one and two", "--torch-index", index[1]]) == ("test", index, ["-k", "one and two"])
    assert dev.parse(["run", "join", "https://x", "--help"]) == ("run", [], ["join", "https://x", "--help"])
    folder = ["--no-index", "--find-links", str(tmp_path.resolve())]
    assert dev.parse(["test", "--torch-from", str(tmp_path)]) == ("test", folder, [])


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 2, "python3 dev.py try"),
        (["--help"], 0, "python3 dev.py try"),
        (["tyr"], 2, "invalid choice"),
        (["try", "--torch-from", "/nowhere/at/all"], 2, "there is no folder"),
        (["try", "--torch-from", ".", "--torch-index", "x"], 2, "not allowed with"),
    ],
)
def test_wrong_words_are_answered_in_words(arguments: list[str], code: int, sentence: str) -> None:
    command = [sys.executable, str(ROOT / "dev.py"), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert ended.returncode == code
    assert sentence in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("command", "rest", "platform", "environment", "wanted"),
    [
        ("try", [], "linux", {}, []),
        ("try", [], "linux", {"DISPLAY": ""}, []),
        ("try", [], "linux", {"DISPLAY": ":0"}, ["libEGL.so.1"]),
        ("try", ["--minutes", "1"], "linux", {"WAYLAND_DISPLAY": "wayland-0"}, ["libEGL.so.1"]),
        ("try", ["--no-window"], "linux", {"DISPLAY": ":0"}, []),
        ("try", [], "darwin", {"DISPLAY": ":0"}, []),
        ("run", ["status"], "linux", {"DISPLAY": ":0"}, []),
        ("test", [], "linux", {}, ["libEGL.so.1", "Xvfb"]),
        ("test", [], "win32", {}, []),
    ],
)
def test_the_system_is_asked_for_a_window_only_where_one_can_open(
    dev: ModuleType,
    command: str,
    rest: list[str],
    platform: str,
    environment: dict[str, str],
    wanted: list[str],
) -> None:
    found = dev.wanted_of_system(command, rest, platform, environment)
    assert [name for name in ("libEGL.so.1", "Xvfb") if name in found] == wanted


def on_a_system(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, programs: dict[str, str], *, root: bool
) -> list[list[str]]:
    """A system on which nothing but the given programs is there; returns the commands that it is told to run."""
    ran: list[list[str]] = []
    monkeypatch.setattr(dev.shutil, "which", lambda name, path=None: programs.get(name))
    monkeypatch.setattr(dev.os, "geteuid", lambda: 0 if root else 1000)
    monkeypatch.setattr(dev, "is_there", lambda name: False)
    monkeypatch.setattr(dev, "work", lambda command, what: ran.append(command))
    monkeypatch.setattr(dev, "apt_plan", lambda command: "" if not ran else "9 MB to download")
    return ran


def test_on_debian_somebody_else_than_root_is_told_the_one_line(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = on_a_system(dev, monkeypatch, {"apt-get": "/usr/bin/apt-get", "sudo": "/usr/bin/sudo"}, root=False)
    with pytest.raises(dev.Stop) as caught:
        dev.need_system({"libEGL.so.1": "libegl1", "Xvfb": "xvfb", "libGL.so.1": "libgl1"})
    assert (caught.value.code, ran) == (3, [])
    assert "sudo apt-get install libegl1 libgl1 xvfb\n" in str(caught.value)


def test_on_debian_root_installs_after_reading_the_lists_if_it_must(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = on_a_system(dev, monkeypatch, {"apt-get": "/usr/bin/apt-get"}, root=True)
    dev.need_system({"libEGL.so.1": "libegl1"})
    assert [command[-1] for command in ran] == ["update", "libegl1"]
    assert "libegl1" in capsys.readouterr().out


def test_elsewhere_the_libraries_are_named_by_what_they_are(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_system(dev, monkeypatch, {}, root=True)
    with pytest.raises(dev.Stop) as caught:
        dev.need_system({"libEGL.so.1": "libegl1", "/usr/share/x": "debians-own"})
    assert str(caught.value).endswith("libEGL.so.1")
    assert "--no-window" in str(caught.value)


def test_what_is_there_is_found(dev: ModuleType, tmp_path: Path) -> None:
    assert dev.is_there(str(tmp_path))
    assert not dev.is_there(str(tmp_path / "no"))
    assert not dev.is_there("sparewatt-no-such-program")
    assert not dev.is_there("libsparewatt-none.so.1")
