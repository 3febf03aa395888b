"""The commands of `sparewatt` and their names; each lives in `commands` and imports what it needs when it runs."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sparewatt_cli.commands import (
    coordinator,
    doctor,
    energy,
    engine,
    joining,
    logs,
    pausing,
    receipts,
    runs,
    settings,
    trying,
)
from sparewatt_cli.commands import status as status_command
from sparewatt_cli.endings import ended
from sparewatt_cli.language import words_of
from sparewatt_cli.surroundings import DATA_FOLDER_VARIABLE, settle

app = typer.Typer(
    name="sparewatt",
    help="Train open AI models on spare watts.\n\nTry the whole of it on this computer: sparewatt try",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("try", epilog=trying.EXAMPLES)(trying.try_it)
app.add_typer(engine.app, name="engine")
app.command("status", epilog=status_command.EXAMPLES)(status_command.status)
app.command("pause", epilog=pausing.EXAMPLES)(pausing.pause)
app.command("resume")(pausing.resume)
app.command("contribute", epilog=pausing.CONTRIBUTE_EXAMPLES)(pausing.contribute)
app.command("energy", epilog=energy.EXAMPLES)(energy.energy)
app.command("join", epilog=joining.EXAMPLES)(joining.join)
app.command("consent", epilog=joining.CONSENT_EXAMPLES)(joining.consent)
app.command("leave", epilog=joining.LEAVE_EXAMPLES)(joining.leave)
app.add_typer(settings.app, name="settings")
app.add_typer(receipts.app, name="receipts")
app.command("logs")(logs.logs)
app.command("doctor")(doctor.doctor)
app.add_typer(coordinator.app, name="coordinator")
app.add_typer(runs.app, name="run")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        typer.echo(f"sparewatt {metadata.version('sparewatt')}")
        raise typer.Exit


@app.callback()
def _settle(
    context: typer.Context,
    data_folder: Annotated[
        Path | None,
        typer.Option(
            envvar=DATA_FOLDER_VARIABLE,
            help="Folder of the engine's data. Default: the system's place for data of your programs.",
            show_default=False,
        ),
    ] = None,
    _: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Show the version and end.")
    ] = False,
) -> None:
    context.obj = settle(data_folder)


def run(arguments: Sequence[str]) -> int:
    """Run one command line (without the program's name) and return its exit code."""
    return ended(
        lambda: app(list(arguments), prog_name="sparewatt", standalone_mode=False), lambda: words_of(os.environ)
    )
