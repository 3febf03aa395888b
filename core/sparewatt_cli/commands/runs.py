"""`sparewatt run`: make runs and look after them."""

import typer

app = typer.Typer(help="Make a run of your own and look after it.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Commands about runs in folders."""
