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
