"""Asking the OS keyring with a time limit."""

import subprocess
import sys
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from sparewatt.keys.helper import Answer, Request
from sparewatt.plain_json import Unreadable, decoded

LIMIT_SECONDS: Final = 10.0
SERVICE: Final = "sparewatt"


class Keyring(Protocol):
    def ask(self, request: Request) -> Answer | None:
        """The keyring's answer; None when it did not answer within its time, or not sensibly."""
        ...


class HelperKeyring:
    """The system's keyring, asked by a helper process that is killed after ten seconds. Blocking.

    Args:
        command: starts the helper.
    """

    def __init__(
        self,
        command: Sequence[str] = (sys.executable, "-m", "sparewatt.keys.helper"),
        limit_seconds: float = LIMIT_SECONDS,
    ) -> None:
        self._command = tuple(command)
        self._limit_seconds = limit_seconds

    def ask(self, request: Request) -> Answer | None:
        try:
            finished = subprocess.run(
                self._command,
                input=msgspec.json.encode(request),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=self._limit_seconds,
                check=True,
            )
            return decoded(finished.stdout, Answer)
        except (subprocess.SubprocessError, OSError, Unreadable):
            return None
