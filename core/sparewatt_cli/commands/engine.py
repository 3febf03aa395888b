"""`sparewatt engine`: start, stop, and run in the foreground."""

from typing import Annotated

import typer

from sparewatt_cli.commands.examples import examples
from sparewatt_cli.surroundings import surroundings

app = typer.Typer(
    help="Start and stop the engine, the program that contributes.",
    no_args_is_help=True,
    epilog=examples("sparewatt engine start", "sparewatt engine stop", "sparewatt engine run --device cpu"),
)

Devices = Annotated[
    list[str] | None,
    typer.Option("--device", help="Lend only this device: cpu, cuda, metal or a device's id. Repeatable."),
]
Threads = Annotated[int | None, typer.Option(min=1, max=1024, help="Processor threads to compute with.")]
OnBattery = Annotated[bool, typer.Option("--on-battery", help="Contribute on battery while this engine runs.")]


@app.command()
def start(
    context: typer.Context, device: Devices = None, threads: Threads = None, on_battery: OnBattery = False
) -> None:
    """Start the engine in the background and wait until it answers."""
    from sparewatt_cli import engine_process

    place = surroundings(context)
    options = engine_process.EngineArguments(tuple(device or ()), threads, on_battery)
    started = engine_process.start_detached(place, options)
    gettext = place.words.gettext
    typer.echo(gettext("The engine runs.") if started else gettext("The engine was running already."))


@app.command()
def stop(context: typer.Context) -> None:
    """Stop the workers, then the engine. What is finished is kept and delivered next time."""
    from sparewatt_cli import engine_process

    place = surroundings(context)
    engine_process.stop(place)
    typer.echo(place.words.gettext("The engine has stopped."))


@app.command("run")
def run_in_foreground(
    context: typer.Context, device: Devices = None, threads: Threads = None, on_battery: OnBattery = False
) -> None:
    """Run the engine here until Ctrl-C."""
    from sparewatt_cli import engine_process

    options = engine_process.EngineArguments(tuple(device or ()), threads, on_battery)
    raise typer.Exit(engine_process.run_in_foreground(surroundings(context), options))
