"""The entry of the `sparewatt` program: environment and arguments are read here and nowhere else."""

import signal
import sys


def main() -> None:
    """Run the command line of this process and end it with the command's exit code."""
    try:
        from sparewatt_cli.app import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    # From here on there is nothing left to interrupt, and a second Ctrl-C must not print a traceback on the way out.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


if __name__ == "__main__":
    main()
