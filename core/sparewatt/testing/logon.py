"""A list of what starts at logon, in memory."""

from sparewatt.errors import SparewattError
from sparewatt.host.logon import LogonChoice, LogonState, foreign_error


class FakeLogonEntry:
    """See `host.logon.LogonEntry`.

    Attributes:
        state: what is there; set it to what somebody else may have left there.
        failure: raised by the next calls instead of doing anything.
        writes: how often something was written.
    """

    def __init__(self, state: LogonState = "off") -> None:
        self.state: LogonState = state
        self.failure: SparewattError | None = None
        self.writes = 0

    def read(self) -> LogonState:
        if self.failure is not None:
            raise self.failure
        return self.state

    def write(self, choice: LogonChoice) -> None:
        if self.read() == "foreign":
            raise foreign_error("here")
        self.state = choice
        self.writes += 1
