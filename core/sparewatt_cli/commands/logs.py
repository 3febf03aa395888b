"""`sparewatt logs`."""

from typing import Annotated

import typer

from sparewatt_cli.surroundings import home_shortened, surroundings


def logs(
    context: typer.Context,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=100_000, help="How many of the last lines.")] = 50,
) -> None:
    """Show the end of the engine's log."""
    from sparewatt_cli.log_file import last_lines

    log = surroundings(context).engine_log
    found = last_lines(log, lines)
    if not found:
        typer.echo(f"Nothing has been logged yet in {home_shortened(log)}.", err=True)
    for line in found:
        typer.echo(line)
