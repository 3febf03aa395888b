"""`sparewatt status`."""

from typing import Annotated

import typer

from sparewatt_cli.commands.examples import examples
from sparewatt_cli.surroundings import surroundings

EXAMPLES = examples("sparewatt status", "sparewatt status --json", "Ends with code 9 when no engine runs.")


def status(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="The whole snapshot as one line of JSON.")] = False,
) -> None:
    """Show what the engine does and why."""
    import msgspec

    from sparewatt.control.messages import GetSnapshot, SnapshotFrame
    from sparewatt_cli.engine_link import ask
    from sparewatt_cli.status_text import status_lines

    place = surroundings(context)
    snapshot = ask(place, GetSnapshot(id=1), SnapshotFrame).snapshot
    if json:
        typer.echo(msgspec.json.encode(snapshot).decode())
        return
    for line in status_lines(snapshot, place.words):
        typer.echo(line)
