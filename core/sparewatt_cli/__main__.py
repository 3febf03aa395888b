"""The entry of the `sparewatt` program: its arguments and signals meet the app here."""

import signal
import sys
from types import FrameType

INTERRUPTED = 130


def main() -> None:
    """Run the command line of this process and end it with the command's exit code."""
    try:
        signal.signal(signal.SIGINT, _interrupt_once)
        from sparewatt_cli.app import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = INTERRUPTED
    sys.exit(code)


def _interrupt_once(_number: int, _frame: FrameType | None) -> None:
    # The command is on its way out from here; a second Ctrl-C would only print a traceback into the clean-up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
