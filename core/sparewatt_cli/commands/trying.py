"""`sparewatt try`."""

from pathlib import Path
from typing import Annotated

import typer

from sparewatt_cli.commands.examples import examples
from sparewatt_cli.surroundings import surroundings

EXAMPLES = examples(
    "sparewatt try",
    "sparewatt try --minutes 10 --text my-notes/",
    "sparewatt try --contributors 2 --json result.json",
    "Ctrl-C ends the training early and finishes what was begun; Ctrl-C again stops at once.",
)


def try_it(
    context: typer.Context,
    minutes: Annotated[float, typer.Option(help="How long to train.")] = 3.0,
    text: Annotated[
        Path | None,
        typer.Option(help="Train on this file or folder of text. Default: Python's own sources.", show_default=False),
    ] = None,
    no_window: Annotated[
        bool, typer.Option("--no-window", help="Show everything in the terminal, without the desktop's window.")
    ] = False,
    contributors: Annotated[int, typer.Option(help="Engines that share this computer.")] = 1,
    device: Annotated[
        list[str] | None, typer.Option("--device", help="Train on this device only: cpu, cuda, metal. Repeatable.")
    ] = None,
    on_battery: Annotated[bool, typer.Option("--on-battery", help="Train on battery, too.")] = False,
    tokens: Annotated[
        int | None, typer.Option(help="End after so many tokens, if that comes first.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Start of the random weights and orders.")] = 0,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the result to FILE.", show_default=False)
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep run, logs and checkpoint in this new folder.", show_default=False),
    ] = None,
) -> None:
    """Train a small model on this computer for three minutes, with all the programs of a real run.

    Makes a run, serves it, contributes to it, verifies the receipts, and leaves a checkpoint in the current folder;
    everything else is removed.
    """
    from sparewatt_cli.trial.command import run_trial
    from sparewatt_cli.trial.plan import TrialRequest

    request = TrialRequest(
        minutes=minutes,
        text=text,
        contributors=contributors,
        devices=tuple(device or ()),
        on_battery=on_battery,
        tokens=tokens,
        seed=seed,
        keep=keep,
        window=not no_window,
    )
    raise typer.Exit(run_trial(surroundings(context), request, json))
