import io
from collections.abc import Callable

import msgspec
import pytest

from sparewatt.snapshot import ChangeSnapshot
from sparewatt.testing.control_engine import ControlEngine
from sparewatt.testing.snapshots import busy, young_run
from sparewatt_cli.testing.runs import small_run

Command = Callable[..., int]
Serve = Callable[[ControlEngine], ControlEngine]
RUN = small_run()


class Typed(io.StringIO):
    """Standard input with a person at it."""

    def isatty(self) -> bool:
        return True


def test_the_card_shows_all_that_consent_is_given_to(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = serve(ControlEngine(busy(), manifest=RUN.manifest))
    assert command("join", RUN.invite, "--accept", RUN.run) == 0
    out = capsys.readouterr().out
    for part in (
        "Bedtime stories", "to read to children", "A library", "CC0-1.0", "old stories", "parameters",
        "2.0 MB at first", "at most 50 MB", "at most 600 MB", "unaudited", "Isolation:  none", RUN.run,
    ):  # fmt: skip
        assert part in out
    assert (engine.inspected, engine.commands) == ([RUN.invite], [("join", RUN.invite, RUN.run)])


def test_an_invite_may_come_from_a_file(command: Command, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = serve(ControlEngine(busy(), manifest=RUN.manifest))
    monkeypatch.setattr("sys.stdin", io.StringIO(f"\ufeff  {RUN.invite}\r\n"))
    assert command("join", "--accept", RUN.run) == 0
    assert engine.commands[-1] == ("join", RUN.invite, RUN.run)


@pytest.mark.parametrize(("answer", "joins"), [("y", True), ("n", False), ("", False)])
def test_a_person_is_asked_and_silence_is_no_consent(
    command: Command, serve: Serve, monkeypatch: pytest.MonkeyPatch, answer: str, joins: bool
) -> None:
    engine = serve(ControlEngine(busy(), manifest=RUN.manifest))
    monkeypatch.setattr("sys.stdin", Typed(f"{RUN.invite}\n{answer}\n"))
    assert command("join") == 0
    assert [each[0] for each in engine.commands] == ["join"] * joins


def test_nobody_there_to_ask_is_no_consent(
    command: Command, serve: Serve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = serve(ControlEngine(busy(), manifest=RUN.manifest))
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert command("join", RUN.invite) == 2
    assert (len(engine.inspected), engine.commands) == (1, [])
    assert f"--accept {RUN.run}" in capsys.readouterr().err


def test_consent_to_another_run_joins_nothing(command: Command, serve: Serve) -> None:
    engine = serve(ControlEngine(busy(), manifest=RUN.manifest))
    assert command("join", RUN.invite, "--accept", "f" * 64) == 2
    assert (len(engine.inspected), engine.commands) == (1, [])


def test_a_manifest_that_the_invite_does_not_mean_is_not_even_shown(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = serve(ControlEngine(busy(), manifest=RUN.manifest))
    other = RUN.invite.replace(RUN.run, "f" * 64)
    assert command("join", other, "--accept", "f" * 64) == 7
    assert (len(engine.inspected), engine.commands) == (1, [])
    assert "Bedtime stories" not in capsys.readouterr().out


@pytest.mark.parametrize("invite", ["", "hello", "http://127.0.0.1:1/a/b#c"])
def test_what_is_no_invite_is_refused_without_an_engine(command: Command, invite: str) -> None:
    assert command("join", invite, "--no-start") == 2


def test_without_an_engine_and_with_no_start_nothing_is_started(command: Command) -> None:
    assert command("join", RUN.invite, "--no-start", "--accept", RUN.run) == 9


CHANGED = msgspec.structs.replace(
    young_run(title="Bedtime stories"),
    changed=(ChangeSnapshot("costs.memory_bytes", "1000", "2000"),),
    changed_run="e" * 64,
)


def test_a_changed_run_shows_what_changed_and_asks_again(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = serve(ControlEngine(snapshot=busy(runs=(CHANGED,))))
    assert command("status") == 0
    assert f"sparewatt consent {CHANGED.run[:8]}" in capsys.readouterr().out
    assert command("consent", CHANGED.run[:4], "--accept", CHANGED.changed_run) == 0
    assert "Memory: 1.0 kB → 2.0 kB" in capsys.readouterr().out
    assert engine.commands == [("consent_again", CHANGED.run, CHANGED.changed_run)]


@pytest.mark.parametrize("more", [("--accept", "f" * 64), ()])
def test_a_changed_run_is_not_consented_to_by_mistake(
    command: Command, serve: Serve, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    engine = serve(ControlEngine(snapshot=busy(runs=(CHANGED,))))
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert command("consent", CHANGED.run[:4], *more) == 2
    assert engine.commands == []


def test_a_run_that_is_as_it_was_needs_no_consent(command: Command, serve: Serve) -> None:
    engine = serve(ControlEngine(busy()))
    assert command("consent", "ab") == 0
    assert engine.commands == []


def test_a_hostile_title_is_shown_as_plain_text(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    run = small_run(title="<b>Free</b> money")
    serve(ControlEngine(busy(), manifest=run.manifest))
    assert command("join", run.invite, "--accept", run.run) == 0
    assert "‹b›Free‹/b› money" in capsys.readouterr().out
