"""`sparewatt energy`."""

from enum import StrEnum
from typing import Annotated

import typer

from sparewatt_cli.commands.examples import examples
from sparewatt_cli.surroundings import surroundings

EXAMPLES = examples(
    "sparewatt energy",
    "sparewatt energy --by month --last 12",
    "sparewatt energy --assignments",
    "Prices and budgets: sparewatt settings set power_price_ct_per_kwh 32",
)


class By(StrEnum):
    """What is summed up."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def energy(
    context: typer.Context,
    by: Annotated[By, typer.Option(help="Sum up by day, week or month.")] = By.DAY,
    last: Annotated[int, typer.Option(min=1, max=400, help="How many of them, the present one included.")] = 14,
    assignments: Annotated[
        bool, typer.Option("--assignments", help="The last assignments instead, --last of them.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="The same as one line of JSON.")] = False,
) -> None:
    """Show what contributing took: energy, its cost and carbon dioxide, and what was trained with it."""
    from time import time

    import msgspec

    from sparewatt.control.messages import EnergyReply, EnergySince, PastAssignments, PastAssignmentsReply
    from sparewatt_cli.energy_text import assignment_lines, energy_lines
    from sparewatt_cli.engine_link import ask

    place = surroundings(context)
    if assignments:
        # One second on, so that what ended in this very second is there.
        request = PastAssignments(id=1, before_unix_s=int(time()) + 1, limit=last)
        past = ask(place, request, PastAssignmentsReply)
        lines = [msgspec.json.encode(past.assignments).decode()] if json else assignment_lines(past.assignments)
    else:
        told = ask(place, EnergySince(id=1, period=by.value, count=last), EnergyReply)
        lines = [msgspec.json.encode(told).decode()] if json else energy_lines(told)
    for line in lines:
        typer.echo(line)
