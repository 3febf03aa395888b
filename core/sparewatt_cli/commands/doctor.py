"""`sparewatt doctor`."""

from typing import Annotated

import typer

from sparewatt_cli.exit_codes import NOT_WELL
from sparewatt_cli.surroundings import surroundings


def doctor(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="The findings as one line of JSON.")] = False,
) -> None:
    """Look whether this computer can contribute, what is missing, and what to do. Ends with code 10 if it cannot.

    Nothing in it names the computer or you, so it can be shown to others.
    """
    import msgspec

    from sparewatt_cli.doctor_facts import doctor_facts
    from sparewatt_cli.findings import finding_lines, findings

    found = findings(doctor_facts(surroundings(context)))
    if json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        for line in finding_lines(found):
            typer.echo(line)
    if any(finding.level == "problem" for finding in found):
        raise typer.Exit(NOT_WELL)
