"""``sparewatt-desktop``: the window and the icon in the tray."""

import sys


def main() -> int:
    """The exit code (`docs/exit-codes.md`)."""
    from sparewatt.errors import UnavailableError
    from sparewatt.wording.errors import sentence

    error = UnavailableError("desktop.missing")
    print(sentence(error), file=sys.stderr)
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
