"""`sparewatt try` as a whole: folder, signals, display, result."""

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import typer

from sparewatt.errors import ConflictError, StorageError, UnavailableError
from sparewatt.host.state.power import battery as power_source
from sparewatt_cli import exit_codes
from sparewatt_cli.machine import installed_version, usable_cores
from sparewatt_cli.surroundings import Surroundings, home_shortened
from sparewatt_cli.trial.course import Course
from sparewatt_cli.trial.folder import throwaway_folder
from sparewatt_cli.trial.interruptions import Interruptions, listening
from sparewatt_cli.trial.live import Display, display_for
from sparewatt_cli.trial.plan import TrialRequest, checkpoint_folder, notes, plan_trial
from sparewatt_cli.trial.result import TrialResult, summary
from sparewatt_cli.trial.window import can_show
from sparewatt_cli.words import TRIAL, rule_sentence


def run_trial(place: Surroundings, request: TrialRequest, json_file: Path | None) -> int:
    """Try everything, say what came of it, and return the exit code: 0 only for a whole trial.

    Raises:
        SparewattError: it could not begin, or a part of it failed.
    """
    if not installed_version("torch"):
        raise UnavailableError("trial.no_torch")
    checkpoint = checkpoint_folder(request, Path.cwd(), time.strftime("%Y-%m-%d-%H%M%S"))
    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise StorageError("file.unwritable", path=str(json_file), reason="its folder does not exist")
    interruptions = Interruptions()
    with listening(interruptions), _trial_folder(request.keep) as folder:
        plan = plan_trial(request, folder, checkpoint, usable_cores())
        display = display_for(sys.stdout)
        try:
            _say_first(display, request)
            window = request.window and can_show(os.environ)
            result = asyncio.run(Course(plan, place, request.text, display, interruptions, window=window).run())
        except asyncio.CancelledError:
            display.close()
            typer.echo("Stopped. Everything is cleaned up; nothing was kept.", err=True)
            return exit_codes.INTERRUPTED
        finally:
            display.close()
    if json_file is not None:
        _write_json(json_file, result)
    if result.checkpoint is not None:
        result = msgspec.structs.replace(result, checkpoint=_as_typed(Path(result.checkpoint)))
    for line in summary(result, [TRIAL[each] for each in result.missing]):
        typer.echo(line)
    return exit_codes.INCOMPLETE if result.missing else exit_codes.DONE


def _say_first(display: Display, request: TrialRequest) -> None:
    for note in notes(request):
        display.note(TRIAL[note])
    source, percent = power_source()
    if request.on_battery or source == "mains":
        return
    parameters: dict[str, str | int] = {} if percent is None else {"percent": percent}
    display.note(rule_sentence("battery" if source == "battery" else "power_unknown", parameters))
    display.note(TRIAL["trial.hint_battery"])


@contextmanager
def _trial_folder(keep: Path | None) -> Iterator[Path]:
    """A throwaway folder, or the new or empty one that is kept."""
    if keep is None:
        with throwaway_folder() as folder:
            yield folder
        return
    try:
        keep.mkdir(mode=0o700, parents=True, exist_ok=True)
        used = any(keep.iterdir())
    except OSError as error:
        raise StorageError("file.unwritable", path=str(keep), reason=error.strerror or "") from error
    if used:
        raise ConflictError("trial.keep_used", path=str(keep))
    yield keep.absolute()


def _as_typed(path: Path) -> str:
    """A path in or below the current folder as a person would type it."""
    current = Path.cwd()
    return f"./{path.relative_to(current).as_posix()}" if path.is_relative_to(current) else home_shortened(path)


def _write_json(path: Path, result: TrialResult) -> None:
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
    except OSError as error:
        raise StorageError("file.unwritable", path=str(path), reason=error.strerror or "") from error
