"""`sparewatt join` and `sparewatt leave`."""

import sys
from typing import Annotated

import typer

from sparewatt_cli.commands.examples import examples
from sparewatt_cli.surroundings import surroundings

EXAMPLES = examples(
    "sparewatt join                          asks for the invite",
    "sparewatt join < invite.txt --accept HASH",
    "sparewatt join INVITE --accept HASH     HASH is the last line of the run's card",
)
CONSENT_EXAMPLES = examples("sparewatt consent 3f2a   the first letters of the run's name in `sparewatt status`")
LEAVE_EXAMPLES = examples("sparewatt leave 3f2a   the first letters of the run's name in `sparewatt status`")


def join(
    context: typer.Context,
    invite: Annotated[
        str | None,
        typer.Argument(help="The invite. Without it, it is read from standard input or asked for.", show_default=False),
    ] = None,
    accept: Annotated[
        str | None, typer.Option(metavar="HASH", help="Consent to the run with this hash without being asked.")
    ] = None,
    no_start: Annotated[bool, typer.Option("--no-start", help="Do not start an engine when none runs.")] = False,
) -> None:
    """Contribute to a run: shows what it is and what it costs, and asks."""
    from sparewatt.errors import InputError
    from sparewatt.wording.catalogue import filled
    from sparewatt_cli.consent import consent_lines
    from sparewatt_cli.joining import Invitation, inspected

    place = surroundings(context)
    at_terminal = sys.stdin.isatty()
    gettext = place.words.gettext
    text = invite if invite is not None else _read_invite(at_terminal, gettext("Invite"))
    invitation: Invitation = inspected(place, text, start=not no_start)
    for line in consent_lines(invitation.manifest, invitation.run, invitation.isolation, place.words):
        typer.echo(line)
    if accept is None:
        if not at_terminal or invite == "-":
            raise InputError("join.needs_accept", run=invitation.run)
        if not typer.confirm(gettext("Contribute to this run?"), default=False):
            raise typer.Exit
    elif accept != invitation.run:
        raise InputError("join.other_run", accepted=accept[:64], run=invitation.run)
    invitation.accept()
    joined = gettext("Joined “{title}”. See what happens: sparewatt status")
    typer.echo(filled(joined, {"title": invitation.manifest.title}))


def consent(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="The run's name, or the first letters of it.")],
    accept: Annotated[
        str | None, typer.Option(metavar="HASH", help="Consent to the run with this hash without being asked.")
    ] = None,
) -> None:
    """Consent again to a run that its organiser has changed: shows what changed, and asks."""
    from sparewatt.control.messages import ConsentAgain, GetSnapshot, Reply, SnapshotFrame
    from sparewatt.errors import InputError
    from sparewatt.wording.catalogue import filled
    from sparewatt_cli.consent import change_lines
    from sparewatt_cli.engine_link import ask
    from sparewatt_cli.runs_by_name import run_named

    place = surroundings(context)
    snapshot = ask(place, GetSnapshot(id=1), SnapshotFrame).snapshot
    joined = run_named(run, {each.run: each for each in snapshot.runs})
    gettext = place.words.gettext
    if not joined.changed_run:
        typer.echo(filled(gettext("“{title}” is what you consented to."), {"title": joined.title}))
        return
    for line in change_lines(joined, place.words):
        typer.echo(line)
    if accept is None:
        if not sys.stdin.isatty():
            raise InputError("join.needs_accept", run=joined.changed_run)
        if not typer.confirm(gettext("Contribute to this run?"), default=False):
            raise typer.Exit
    elif accept != joined.changed_run:
        raise InputError("join.other_run", accepted=accept[:64], run=joined.changed_run)
    ask(place, ConsentAgain(id=1, run=joined.run, consent=joined.changed_run), Reply)
    typer.echo(gettext("Consented. See what happens: sparewatt status"))


def leave(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="The run's name, or the first letters of it.")],
) -> None:
    """Stop contributing to a run. Receipts are kept; its data and weights are deleted."""
    from sparewatt.control.messages import GetSnapshot, LeaveRun, Reply, SnapshotFrame
    from sparewatt.wording.catalogue import filled
    from sparewatt_cli.engine_link import ask
    from sparewatt_cli.runs_by_name import run_named

    place = surroundings(context)
    snapshot = ask(place, GetSnapshot(id=1), SnapshotFrame).snapshot
    joined = run_named(run, {each.run: each for each in snapshot.runs})
    ask(place, LeaveRun(id=1, run=joined.run), Reply)
    typer.echo(filled(place.words.gettext("Left “{title}”. Its receipts are kept."), {"title": joined.title}))


def _read_invite(at_terminal: bool, question: str) -> str:
    if at_terminal:
        return str(typer.prompt(question))
    # An invite has at most 600 characters; whatever is longer is refused as malformed.
    return sys.stdin.read(4_096)
