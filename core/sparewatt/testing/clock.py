"""A clock that stands still until it is moved."""


class ManualClock:
    """See `clock.Clock`.

    Attributes:
        unix_s: time of day at monotonic 0.
    """

    def __init__(self, unix_s: float = 1_800_000_000.0) -> None:
        self.unix_s = unix_s
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def unix(self) -> float:
        return self.unix_s + self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds
