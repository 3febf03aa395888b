"""`sparewatt receipts`: list and verify."""

from pathlib import Path
from typing import Annotated

import typer

from sparewatt_cli.commands.examples import examples
from sparewatt_cli.surroundings import surroundings

app = typer.Typer(
    help="Signed proofs of what you contributed.",
    no_args_is_help=True,
    epilog=examples(
        "sparewatt receipts list",
        "sparewatt receipts list 3f2a --json > receipts.json",
        "sparewatt receipts verify receipts.json   needs neither an engine nor a network",
    ),
)

RunName = Annotated[
    str | None, typer.Argument(help="The run's name or its first letters. Not needed with one run.", show_default=False)
]


@app.command("list")
def list_receipts(
    context: typer.Context,
    run: RunName = None,
    json: Annotated[bool, typer.Option("--json", help="Receipts and keys, as `receipts verify` reads them.")] = False,
) -> None:
    """All receipts of a run, oldest first."""
    import msgspec

    from sparewatt_cli.receipt_file import collected, receipt_lines

    bundle = collected(surroundings(context), run)
    if json:
        typer.echo(msgspec.json.encode(bundle).decode())
        return
    for line in receipt_lines(bundle):
        typer.echo(line)


@app.command("verify")
def verify_receipts(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(help="File from `receipts list --json`; without it, the engine is asked.", show_default=False),
    ] = None,
    run: Annotated[str | None, typer.Option(help="The run's name, without a file.")] = None,
) -> None:
    """Check every signature offline, from the organiser's key down."""
    from sparewatt.errors import IntegrityError
    from sparewatt_cli.receipt_file import collected, read_bundle, report_lines, verified

    bundle = read_bundle(file) if file is not None else collected(surroundings(context), run)
    report = verified(bundle)
    for line in report_lines(report):
        typer.echo(line)
    if report.faults:
        raise IntegrityError("receipts.faulty", faulty=len(report.faults), receipts=len(bundle.receipts))
