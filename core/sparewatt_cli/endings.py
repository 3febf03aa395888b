"""Every way a command can end, as one exit code and at most one sentence on standard error."""

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from sparewatt.errors import SparewattError, UnavailableError
from sparewatt_cli import exit_codes

if TYPE_CHECKING:
    from sparewatt.wording.catalogue import Translations


class NoEngineError(UnavailableError):
    """No engine runs for this data folder. It has a code of its own, so that scripts can tell it from a failure."""

    exit_code = exit_codes.NO_ENGINE


def ended(command: Callable[[], object], words: "Callable[[], Translations] | None" = None) -> int:
    """The exit code of `command`, after what went wrong, if it was expected, has been said in one sentence.

    Args:
        words: the language to say it in, asked only where there is something to say; None for English.

    Bugs are not caught: they show where they are.
    """
    try:
        code = command()
        sys.stdout.flush()
    except SparewattError as error:
        complain(error, words)
        return error.exit_code
    except typer.TyperException as error:
        # Usage and help of a wrong command line; the class that can show them is private to Typer.
        show: Callable[[], None] | None = getattr(error, "show", None)
        if show is not None:
            show()
        return int(getattr(error, "exit_code", exit_codes.BUG))
    except (typer.Abort, KeyboardInterrupt):
        return exit_codes.INTERRUPTED
    except BrokenPipeError:
        return _reader_gone()
    except SystemExit as error:
        # Typer ends the process itself in one case only: whoever read our output has closed it.
        return _reader_gone() if error.code == 1 else exit_codes.BUG
    return code if isinstance(code, int) else exit_codes.DONE


def complain(error: SparewattError, words: "Callable[[], Translations] | None" = None) -> None:
    """Say what is wrong and what to do, on standard error."""
    from sparewatt.wording.catalogue import ENGLISH
    from sparewatt_cli.words import error_sentence

    spoken = ENGLISH if words is None else words()
    typer.echo(f"sparewatt: {error_sentence(error.error_id, error.parameters, spoken)}", err=True)


def _reader_gone() -> int:
    # Python flushes standard output once more at its end; without a reader that would print a traceback.
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    os.close(devnull)
    return exit_codes.BROKEN_PIPE
