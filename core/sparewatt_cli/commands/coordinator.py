"""`sparewatt coordinator`: serve a run."""

from pathlib import Path
from typing import Annotated

import typer

from sparewatt_cli.commands.examples import examples

app = typer.Typer(help="The run's side: hands out work, merges what comes back.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `serve` a command of its own although it is the only one."""


@app.command(
    epilog=examples(
        "sparewatt coordinator serve --data my-run",
        "sparewatt coordinator serve --data my-run --listen 0.0.0.0:7520",
        "sparewatt coordinator serve --data my-run --listen 0.0.0.0:7520 --address run.example.org",
        "sparewatt coordinator serve --data my-run --behind-proxy --address run.example.org",
    )
)
def serve(
    data: Annotated[Path, typer.Option(help="Folder of the run, made by `sparewatt run create`.")],
    listen: Annotated[
        list[str] | None,
        typer.Option(
            help="HOST:PORT; may be given several times. Port 0 takes a free one. Default: 127.0.0.1:0, which no other "
            "computer can reach.",
            show_default=False,
        ),
    ] = None,
    address: Annotated[
        str, typer.Option(help="HOST or HOST:PORT under which contributors reach it, for invites.", show_default=False)
    ] = "",
    certificate: Annotated[
        Path | None, typer.Option(help="PEM file of a certificate that computers trust.", show_default=False)
    ] = None,
    certificate_key: Annotated[Path | None, typer.Option(help="PEM file of its key.", show_default=False)] = None,
    own_certificate: Annotated[
        bool,
        typer.Option(
            "--own-certificate",
            help="Encrypt with a certificate made here; invites hold the hash of its key. This is the default beyond "
            "this computer.",
        ),
    ] = False,
    behind_proxy: Annotated[
        bool,
        typer.Option(
            "--behind-proxy",
            help="A proxy of yours encrypts and passes connections on. Whoever reaches --listen is taken for it.",
        ),
    ] = False,
    allow_origin: Annotated[
        list[str] | None, typer.Option(help="A web origin whose pages may connect. None may otherwise.")
    ] = None,
) -> None:
    """Serve a run until Ctrl-C."""
    from sparewatt_cli.coordinator_process import Serving, serve_in_foreground

    serving = Serving(
        data=data,
        listen=tuple(listen or ["127.0.0.1:0"]),
        address=address,
        certificate=certificate,
        certificate_key=certificate_key,
        own_certificate=own_certificate,
        behind_proxy=behind_proxy,
        origins=tuple(allow_origin or []),
    )
    raise typer.Exit(serve_in_foreground(serving))
