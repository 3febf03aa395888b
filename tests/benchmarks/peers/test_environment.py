"""What is said where a project cannot be installed."""

import sys
from pathlib import Path

import pytest

from benchmarks.peers import environment
from benchmarks.peers.environment import NotInstalled, reason, version


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("Collecting x\nERROR: No matching distribution found for x\nWARNING: a newer pip\n", "ERROR: No matching"),
        ("something else\n\n", "something else"),
        ("", "it ended without a word"),
    ],
)
def test_the_reason_is_the_last_line_that_speaks_of_an_error(said: str, why: str) -> None:
    assert reason(said).startswith(why)


def test_a_package_that_is_not_there_has_no_version() -> None:
    with pytest.raises(NotInstalled, match="no-such-package"):
        version(Path(sys.executable), "no-such-package")


def test_an_interpreter_that_is_not_there_is_no_environment(tmp_path: Path) -> None:
    with pytest.raises(NotInstalled, match="python"):
        version(tmp_path / "python", "pip")


def test_an_environment_that_was_made_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(command: list[str]) -> str:
        raise AssertionError(command)

    monkeypatch.setattr(environment, "_said", never)
    (tmp_path / "hivemind").mkdir()
    (tmp_path / "hivemind" / "made").touch()
    assert environment.environment(tmp_path, "hivemind") == tmp_path / "hivemind" / "bin" / "python"
