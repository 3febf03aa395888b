"""Every way a command can end, as one exit code and at most one sentence on standard error."""

import os
import sys
from collections.abc import Callable

import typer

from sparewatt.errors import SparewattError, UnavailableError
from sparewatt_cli import exit_codes


class NoEngineError(UnavailableError):
    """No engine runs for this data folder. It has a code of its own, so that scripts can tell it from a failure."""

    exit_code = exit_codes.NO_ENGINE


def ended(command: Callable[[], object]) -> int:
    """The exit code of `command`, after what went wrong, if it was expected, has been said in one sentence.

    Bugs are not caught: they show where they are.
    """
    try:
        code = command()
        sys.stdout.flush()
    except SparewattError as error:
        complain(error)
        return error.exit_code
    except typer.TyperException as error:
        error.show()
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return exit_codes.INTERRUPTED
    except BrokenPipeError:
        return _reader_gone()
    except SystemExit as error:
        # Typer ends the process itself in one case only: whoever read our output has closed it.
        return _reader_gone() if error.code == 1 else exit_codes.BUG
    return code if isinstance(code, int) else exit_codes.DONE


def complain(error: SparewattError) -> None:
    """Say what is wrong and what to do, on standard error."""
    from sparewatt_cli.words import error_sentence

    typer.echo(f"sparewatt: {error_sentence(error.error_id, error.parameters)}", err=True)


def _reader_gone() -> int:
    # Python flushes standard output once more at its end; without a reader that would print a traceback.
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    os.close(devnull)
    return exit_codes.BROKEN_PIPE
