import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from sparewatt.testing.control_engine import ControlEngine
from sparewatt.testing.hostile import HOSTILE_BYTES
from sparewatt.testing.snapshots import busy, young_run
from sparewatt_cli.receipt_file import Bundle
from sparewatt_cli.testing.runs import SmallRun, small_run

Command = Callable[..., int]
Serve = Callable[[ControlEngine], ControlEngine]
RUN = small_run(receipts=5)


def engine_with(run: SmallRun, page: int = 500) -> ControlEngine:
    return ControlEngine(
        snapshot=busy(runs=(young_run(run.run),)),
        joined_manifest=run.manifest,
        receipts=run.receipts,
        online_keys=run.online_keys,
        run_key=run.run_key,
        page=page,
    )


def engine_bundle() -> Bundle:
    return Bundle(1, RUN.run, RUN.run_key, RUN.manifest, RUN.online_keys, RUN.receipts)


def test_receipts_come_in_pages_and_all_are_listed(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(engine_with(RUN, page=2))
    assert command("receipts", "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert lines[-1].startswith("5 receipts")


def test_receipts_hold_from_the_organisers_key_down(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(engine_with(RUN))
    assert command("receipts", "verify") == 0
    out = capsys.readouterr().out
    assert "5 receipts hold, for 76,800 tokens" in out
    assert "0.0025 credits verified" in out


def test_a_saved_list_is_verified_without_an_engine(
    command: Command, serve: Serve, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    serve(engine_with(RUN))
    assert command("receipts", "list", RUN.run[:6], "--json") == 0
    saved = tmp_path / "receipts.json"
    saved.write_text(capsys.readouterr().out)
    assert command("engine", "stop") == 0
    assert command("receipts", "verify", str(saved)) == 0
    assert "5 receipts hold" in capsys.readouterr().out


def test_one_changed_receipt_is_found_and_named(
    command: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    honest = RUN.receipts[2]
    forged = msgspec.structs.replace(honest, body=honest.body.replace('"tokens":15360', '"tokens":99999'))
    bundle = {
        "format": 1,
        "run": RUN.run,
        "run_key": RUN.run_key,
        "manifest": msgspec.to_builtins(RUN.manifest),
        "online_keys": msgspec.to_builtins(RUN.online_keys),
        "receipts": msgspec.to_builtins((*RUN.receipts[:2], forged, *RUN.receipts[3:])),
    }
    saved = tmp_path / "receipts.json"
    saved.write_text(json.dumps(bundle))
    assert command("receipts", "verify", str(saved)) == 7
    shown = capsys.readouterr()
    assert "4 receipts hold" in shown.out
    assert "Receipt 3 does not hold" in shown.out
    assert "1 of 5 receipts" in shown.err


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format":2}'])
def test_a_file_with_something_else_is_refused_in_words(
    command: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str
) -> None:
    saved = tmp_path / "receipts.json"
    saved.write_text(content)
    assert command("receipts", "verify", str(saved)) == 2
    assert "holds no receipts" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_a_matter_of_storage(command: Command, tmp_path: Path) -> None:
    assert command("receipts", "verify", str(tmp_path / "none.json")) == 5


def test_with_two_runs_one_must_be_named(command: Command, serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    engine = engine_with(RUN)
    engine.snapshot = busy(runs=(young_run(RUN.run), young_run("f" * 64)))
    serve(engine)
    assert command("receipts", "list") == 2
    assert "2 runs" in capsys.readouterr().err


@pytest.mark.parametrize("content", HOSTILE_BYTES, ids=range(len(HOSTILE_BYTES)))
def test_a_file_of_foreign_bytes_is_refused_in_words(
    command: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes
) -> None:
    saved = tmp_path / "receipts.json"
    saved.write_bytes(content)
    assert command("receipts", "verify", str(saved)) == 2
    assert "holds no receipts" in capsys.readouterr().err


def test_a_receipt_whose_body_is_no_text_of_ours_is_refused_in_words(
    command: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    sound = msgspec.json.encode(engine_bundle())
    saved = tmp_path / "receipts.json"
    for place in range(len(sound) - 200, len(sound), 7):
        saved.write_bytes(sound[:place] + b"\xff" + sound[place + 1 :])
        assert command("receipts", "verify", str(saved)) in (2, 7)
        assert "Traceback" not in capsys.readouterr().err
