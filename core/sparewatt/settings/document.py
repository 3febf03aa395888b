"""The manual's page about settings, from the schema: ``python -m sparewatt.settings.document > docs/settings.md``."""

import sys
from typing import Any, Final

from sparewatt.settings.option import Option
from sparewatt.settings.schema import OPTIONS

_HEAD: Final = """\
# Settings

This page is generated from `sparewatt.settings.schema` by
`python -m sparewatt.settings.document > docs/settings.md`.

`sparewatt settings` lists the settings with their values, `sparewatt settings set KEY VALUE` changes one. A setting
of a device is set for one device with `KEY@DEVICE` (as in `speed_limit_percent@cpu`), and for every device that
has no value of its own with `KEY`.

`sparewatt settings preset quiet`, `balanced` or `full` sets power cap, speed limit and temperature limit together, with
numbers that fit each device: shares of the power that was measured on it (of the device's own limit before that), and a
temperature at which its own fan turns slowly where the fan can be read. `--device DEVICE` does so for one device. The
engine must be running, for only it knows the devices. A device without a power sensor gets a lower speed limit instead
of a cap.
"""


def page() -> str:
    """The page as Markdown, with a newline at its end."""
    return "\n".join([_HEAD, *(_section(option) for option in OPTIONS)])


def _section(option: Option[Any]) -> str:
    unit = f" {option.unit}" if option.unit else ""
    default = f"`{option.text(option.default)}`{unit}"
    for kind, value in option.kind_defaults.items():
        default += f"; on `{kind}` devices `{option.text(value)}`{unit}"
    return (
        f"## {option.label}: `{option.key}`\n\n{option.help}\n\n"
        f"- for: one {option.scope}\n- allowed: {option.allowed}{unit}\n- default: {default}\n"
    )


if __name__ == "__main__":
    sys.stdout.buffer.write(page().encode())
