"""`sparewatt coordinator`: serve a run."""

from pathlib import Path
from typing import Annotated

import typer

from sparewatt_cli.commands.examples import examples

app = typer.Typer(help="The run's side: hands out work, merges what comes back.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `serve` a command of its own although it is the only one."""


@app.command(epilog=examples("sparewatt coordinator serve --data my-run"))
def serve(
    data: Annotated[Path, typer.Option(help="Folder of the run, made by `sparewatt run create`.")],
    listen: Annotated[
        str,
        typer.Option(help="HOST:PORT on this computer; port 0 takes a free one. No other computer can reach it yet."),
    ] = "127.0.0.1:0",
) -> None:
    """Serve a run until Ctrl-C."""
    from sparewatt_cli.coordinator_process import serve_in_foreground

    raise typer.Exit(serve_in_foreground(data, listen))
