"""`sparewatt run`: make runs and look after them."""

from pathlib import Path
from typing import Annotated

import typer

from sparewatt_cli.commands import creating
from sparewatt_cli.commands.examples import examples

app = typer.Typer(
    help="Make a run of your own and look after it.",
    no_args_is_help=True,
    epilog=examples(
        "sparewatt run create --data my-run --text my-texts/ --title Poems --licence CC0-1.0 --organiser Me",
        "sparewatt coordinator serve --data my-run",
        "sparewatt run invite --data my-run --trusted",
        "sparewatt run show --data my-run",
        "sparewatt run export --data my-run --to my-model",
    ),
)

invites_app = typer.Typer(help="Invites: list and revoke them.")
contributors_app = typer.Typer(help="Contributors: list and revoke them.")
app.add_typer(invites_app, name="invites")
app.add_typer(contributors_app, name="contributors")

Data = Annotated[Path, typer.Option(help="Folder of the run.")]


app.command("create", epilog=creating.EXAMPLES)(creating.create)


@app.command("list")
def list_runs(
    folder: Annotated[Path, typer.Argument(help="Folder that holds runs.")] = Path(),
    json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """The runs in a folder."""
    import msgspec

    from sparewatt_cli.run_look import look, runs_in

    found = [(path, look(path)) for path in runs_in(folder)]
    if json:
        listed = [{"folder": str(path), "run": each.run, "title": each.manifest.title, "state": each.status.state,
                   "version": each.status.version.number, "url": each.url} for path, each in found]  # fmt: skip
        typer.echo(msgspec.json.encode(listed).decode())
        return
    for path, each in found:
        served = each.url or "not served"
        typer.echo(f"{path}  {each.run[:8]}  {each.manifest.title}: {each.status.state}, "
                   f"version {each.status.version.number}, {served}")  # fmt: skip
    if not found:
        typer.echo("No runs here. Make one: sparewatt run create --help", err=True)


@app.command()
def show(
    data: Data, json: Annotated[bool, typer.Option("--json", help="Everything as one line of JSON.")] = False
) -> None:
    """One run in numbers."""
    import msgspec

    from sparewatt_cli.run_look import look, look_lines

    found = look(data.absolute())
    if json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    for line in look_lines(found):
        typer.echo(line)


@app.command()
def invite(
    data: Data,
    uses: Annotated[int, typer.Option(min=1, max=1_000_000, help="By how many contributors.")] = 1,
    expires: Annotated[int, typer.Option(min=1, max=366, help="In how many days.")] = 7,
    trusted: Annotated[
        bool, typer.Option("--trusted", help="Their updates carry weight; for people whom you know.")
    ] = False,
    address: Annotated[
        str,
        typer.Option(
            help="HOST or HOST:PORT for these contributors. Default: as the coordinator serves.", show_default=False
        ),
    ] = "",
) -> None:
    """An invite to pass on. It is shown once; whoever has it can join."""
    from sparewatt.work.invite import parse_invite
    from sparewatt_cli.coordinator_process import only_here_words
    from sparewatt_cli.run_people import new_invite

    made = new_invite(data.absolute(), uses, expires * 86_400, trusted=trusted, address=address)
    typer.echo(made)
    only_here = only_here_words(parse_invite(made).url)
    if only_here:
        typer.echo(only_here, err=True)
    if not trusted:
        typer.echo("The run is unaudited, so only contributors with a --trusted invite carry weight.", err=True)


@invites_app.callback(invoke_without_command=True)
def list_invites(
    context: typer.Context,
    data: Annotated[Path | None, typer.Option(help="Folder of the run.", show_default=False)] = None,
    json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """The invites of a run: how often each may still be used, until when, and whether it was revoked."""
    if context.invoked_subcommand is not None:
        return
    import time

    import msgspec

    from sparewatt.errors import InputError
    from sparewatt_cli.run_people import invite_lines, invites

    if data is None:
        raise InputError("run.data_needed")
    found = invites(data.absolute())
    if json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    for line in invite_lines(found, time.time()):
        typer.echo(line)


@invites_app.command("revoke")
def revoke_invite(data: Data, invite_id: Annotated[str, typer.Argument(metavar="ID", help="As listed.")]) -> None:
    """Let nobody in by an invite any more; who came in by it stays."""
    from sparewatt_cli.run_people import withdraw_invite

    withdraw_invite(data.absolute(), invite_id)
    typer.echo("Nobody can join by this invite any more. Who has joined by it stays.")


@contributors_app.callback(invoke_without_command=True)
def list_contributors(
    context: typer.Context,
    data: Annotated[Path | None, typer.Option(help="Folder of the run.", show_default=False)] = None,
    json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Who contributes to a run: trusted or not, connected or when last seen, how many tokens. No address is kept."""
    if context.invoked_subcommand is not None:
        return
    import msgspec

    from sparewatt.errors import InputError
    from sparewatt_cli.run_people import contributor_lines, contributors

    if data is None:
        raise InputError("run.data_needed")
    found = contributors(data.absolute())
    if json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    for line in contributor_lines(found):
        typer.echo(line)


@contributors_app.command("revoke")
def revoke_contributor(
    data: Data,
    contributor: Annotated[str, typer.Argument(metavar="ID", help="As listed, or the first letters of it.")],
) -> None:
    """End a contributor's part: its session ends at once, it is let in no more, its receipts stay valid."""
    from sparewatt_cli.run_people import dismiss

    typer.echo(f"Contributor {dismiss(data.absolute(), contributor)} is let in no more. Its receipts stay valid.")


@app.command("rotate-key")
def rotate_key(
    data: Data,
    key: Annotated[
        Path | None, typer.Option(help="Your offline key. Default: DATA.key beside the folder.", show_default=False)
    ] = None,
) -> None:
    """Give the coordinator a new key, for example when somebody may have read the old one. Stop it first."""
    from sparewatt_cli.organiser import rotate_key

    rotate_key(data, key if key is not None else data.with_name(data.name + ".key"))
    typer.echo("The run has a new key. Contributors trust it from their next session on; old receipts stay valid.")


@app.command("close")
def close_run(
    data: Data,
    words: Annotated[str, typer.Option(help="What contributors read.")] = "The organiser has ended the run.",
    now: Annotated[bool, typer.Option("--now", help="Without measuring first what is there.")] = False,
) -> None:
    """End a run for good: hand out no more work, merge what is there, measure it."""
    from sparewatt_cli.run_look import close, finish

    closed = close(data.absolute(), words) if now else finish(data.absolute(), words)
    if closed is None:
        typer.echo("The run hands out no more work. It merges what was accepted and closes when it is served next.")
    else:
        typer.echo("The run is closed.")


@app.command("export")
def export_run(data: Data, to: Annotated[Path, typer.Option(help="New folder for the model.")]) -> None:
    """Write the newest version as a folder that `transformers` loads."""
    from sparewatt_cli.run_look import export

    found = export(data.absolute(), to.absolute())
    typer.echo(f"Wrote version {found.status.version.number} to {to}.")


@app.command("sample")
def sample_run(
    data: Data,
    prompt: Annotated[str, typer.Option(help="How the text begins.")] = "",
    tokens: Annotated[int, typer.Option(min=1, max=2_000, help="How much to write.")] = 200,
    temperature: Annotated[float, typer.Option(min=0, max=5, help="0 takes the likeliest at every step.")] = 0.8,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1)] = 0,
) -> None:
    """Let the newest version write."""
    import asyncio

    from sparewatt_cli.plain_text import harmless
    from sparewatt_cli.sampling import sample

    written = asyncio.run(sample(data.absolute(), prompt, tokens, round(temperature * 1000), seed))
    typer.echo(harmless(prompt + written))
