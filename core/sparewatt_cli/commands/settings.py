"""`sparewatt settings`: list, get, set, preset."""

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from sparewatt_cli.commands.examples import examples
from sparewatt_cli.surroundings import surroundings

if TYPE_CHECKING:
    from sparewatt.snapshot import ConflictSnapshot
    from sparewatt.wording.catalogue import Translations

app = typer.Typer(
    help="Show and change the engine's settings, whether it runs or not.",
    invoke_without_command=True,
    epilog=examples(
        "sparewatt settings",
        "sparewatt settings get hours",
        "sparewatt settings set speed_limit_percent@cpu 80",
        "sparewatt settings preset quiet",
    ),
)


class PresetName(StrEnum):
    """The sets of limits that go together."""

    QUIET = "quiet"
    BALANCED = "balanced"
    FULL = "full"


Json = Annotated[bool, typer.Option("--json", help="Revision and settings as one line of JSON.")]
Key = Annotated[str, typer.Argument(help="Name of the setting; NAME@DEVICE for one device.")]


@app.callback()
def _list_by_default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_settings(context)


@app.command("list")
def list_settings(context: typer.Context, json: Json = False) -> None:
    """All settings with their values; those that differ from their default are marked."""
    import msgspec

    from sparewatt.wording.catalogue import filled
    from sparewatt.wording.settings import unavailable_words
    from sparewatt_cli.settings_access import read_settings

    place = surroundings(context)
    shown, gettext = read_settings(place), place.words.gettext
    if json:
        typer.echo(msgspec.json.encode(shown).decode())
        return
    width = max(len(setting.key) for setting in shown.settings)
    for setting in shown.settings:
        default = filled(gettext("   (default {value})"), {"value": setting.default})
        mark = default if setting.value != setting.default else ""
        typer.echo(f"{setting.key:<{width}}  {setting.value}{mark}")
        if setting.unavailable is not None:
            typer.echo(f"{'':<{width}}  {unavailable_words(setting.unavailable, place.words)}")
        for choice, cause in setting.withheld.items():
            withheld = {"choice": choice, "why": unavailable_words(cause, place.words)}
            typer.echo(f"{'':<{width}}  {filled(gettext('Not {choice!r}: {why}'), withheld)}")


@app.command("get")
def get_setting(context: typer.Context, key: Key) -> None:
    """The value of one setting."""
    from sparewatt_cli.settings_access import read_setting

    typer.echo(read_setting(surroundings(context), key))


@app.command("set")
def set_setting(context: typer.Context, key: Key, value: Annotated[str, typer.Argument(help="The new value.")]) -> None:
    """Change one setting; it takes effect at once."""
    from sparewatt_cli.settings_access import change_setting

    place = surroundings(context)
    conflicts = change_setting(place, key, value)
    _say_changed(((key, value),), conflicts, place.words)


@app.command(
    "preset",
    epilog=examples(
        "sparewatt settings preset quiet",
        "sparewatt settings preset balanced --device cpu",
    ),
)
def use_preset(
    context: typer.Context,
    name: Annotated[PresetName, typer.Argument(help="Which set of limits.")],
    device: Annotated[str | None, typer.Option(help="Only this device; without it, all of them.")] = None,
) -> None:
    """Set power cap, temperature limit and speed limit of devices at once, with numbers that fit each of them.

    The numbers come from what a device is and what was measured of it, so the engine must be running.
    """
    from sparewatt_cli.presets import changed_by_preset

    place = surroundings(context)
    changed, conflicts = changed_by_preset(place, name.value, device)
    _say_changed(changed, conflicts, place.words)


def _say_changed(
    changed: Iterable[tuple[str, str]], conflicts: "Iterable[ConflictSnapshot]", words: "Translations"
) -> None:
    from sparewatt.wording.catalogue import filled
    from sparewatt.wording.conflicts import conflict_words
    from sparewatt_cli.status_text import setting_words

    for key, value in changed:
        typer.echo(filled(words.gettext("{key} is now {value}."), {"key": key, "value": value}))
    for conflict in conflicts:
        sentence = conflict_words(conflict.conflict, conflict.parameters, words)
        typer.echo(setting_words(sentence, conflict.setting, words))
