"""`sparewatt pause`, `sparewatt resume` and `sparewatt contribute`."""

from typing import Annotated

import typer

from sparewatt_cli.commands.examples import examples
from sparewatt_cli.surroundings import surroundings

EXAMPLES = examples(
    "sparewatt pause            until you resume",
    "sparewatt pause 15m",
    "sparewatt pause 1h",
    "sparewatt pause tomorrow   until 06:00 of the next day",
    "sparewatt pause game       until the game that runs now has closed",
)
CONTRIBUTE_EXAMPLES = examples(
    "sparewatt contribute        for an hour",
    "sparewatt contribute 30m",
    "sparewatt contribute stop   by your rules again",
)
GAME = "game"


def pause(
    context: typer.Context,
    length: Annotated[
        str | None,
        typer.Argument(help="15m, 1h, 2d, tomorrow or game. Without it: until you resume.", show_default=False),
    ] = None,
) -> None:
    """Stop computing for a while; what was trained so far is kept and delivered."""
    from time import time

    from sparewatt.control.messages import Pause, PauseForGame, Reply
    from sparewatt_cli.durations import pause_end
    from sparewatt_cli.engine_link import ask
    from sparewatt_cli.words import pause_sentence

    place = surroundings(context)
    if length is not None and length.strip().lower() == GAME:
        ask(place, PauseForGame(id=1), Reply)
        typer.echo(place.words.gettext("Paused until a minute after the game has closed."))
        return
    until = pause_end(length, time())
    ask(place, Pause(id=1, until_unix_s=until), Reply)
    typer.echo(pause_sentence(until, place.words))


def resume(context: typer.Context) -> None:
    """End a pause, and go on by your rules."""
    from sparewatt.control.messages import Reply, Resume
    from sparewatt_cli.engine_link import ask

    place = surroundings(context)
    ask(place, Resume(id=1), Reply)
    typer.echo(place.words.gettext("Resumed."))


def contribute(
    context: typer.Context,
    length: Annotated[
        str | None,
        typer.Argument(help="30m, 1h, at most a day; or stop. Without it: an hour.", show_default=False),
    ] = None,
) -> None:
    """Compute now for a while, although you use the computer, whatever the hour and the price of power.

    Ends a pause. Games, heat, battery, memory and budgets count as ever.
    """
    from time import time

    from sparewatt.control.messages import ContributeNow, Reply
    from sparewatt.wording.catalogue import filled
    from sparewatt_cli.durations import contribute_end
    from sparewatt_cli.engine_link import ask
    from sparewatt_cli.figures import moment_text

    place = surroundings(context)
    until = contribute_end(length, time())
    ask(place, ContributeNow(id=1, until_unix_s=until), Reply)
    gettext = place.words.gettext
    said = gettext("Contributing until {moment}.") if until else gettext("Contributing by your rules.")
    typer.echo(filled(said, {"moment": moment_text(until, place.words)}))
