"""`sparewatt pause` and `sparewatt resume`."""

from typing import Annotated

import typer

from sparewatt_cli.commands.examples import examples
from sparewatt_cli.surroundings import surroundings

EXAMPLES = examples(
    "sparewatt pause            until you resume",
    "sparewatt pause 15m",
    "sparewatt pause 1h",
    "sparewatt pause tomorrow   until 06:00 of the next day",
)


def pause(
    context: typer.Context,
    length: Annotated[
        str | None,
        typer.Argument(help="15m, 1h, 2d or tomorrow. Without it: until you resume.", show_default=False),
    ] = None,
) -> None:
    """Stop computing for a while; what was trained so far is kept and delivered."""
    from time import time

    from sparewatt.control.messages import Pause, Reply
    from sparewatt_cli.durations import pause_end
    from sparewatt_cli.engine_link import ask
    from sparewatt_cli.figures import moment_text

    until = pause_end(length, time())
    ask(surroundings(context), Pause(id=1, until_unix_s=until), Reply)
    typer.echo(f"Paused until {moment_text(until)}." if until else "Paused until you resume: sparewatt resume")


def resume(context: typer.Context) -> None:
    """End a pause."""
    from sparewatt.control.messages import Reply, Resume
    from sparewatt_cli.engine_link import ask

    ask(surroundings(context), Resume(id=1), Reply)
    typer.echo("Resumed.")
