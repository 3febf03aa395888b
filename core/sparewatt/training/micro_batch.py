"""How many sequences one micro-batch takes: as many as fit the governor's time bound and the device's memory."""

from dataclasses import dataclass, replace
from typing import Final, Self

# A micro-batch is only doubled when twice its time would still be well inside the bound.
_DOUBLE_BELOW: Final = 0.4


@dataclass(frozen=True)
class MicroBatch:
    """The size now and the most that the batch and the memory allow.

    The batch, and so the gradient, is the same whatever the size: micro-batches only cut it.
    """

    sequences: int
    sequences_most: int

    @classmethod
    def first(cls, *, batch_sequences: int, flop_per_sequence: int, flop_per_s: float, bound_seconds: float) -> Self:
        """The first size from a guessed speed: the batch, halved until one micro-batch should fit the bound."""
        sequences = batch_sequences
        while sequences > 1 and sequences * flop_per_sequence > flop_per_s * bound_seconds:
            sequences = (sequences + 1) // 2
        return cls(sequences=sequences, sequences_most=batch_sequences)

    @classmethod
    def remembered(cls, sequences: int, sequences_most: int, batch_sequences: int) -> Self:
        """The size that an earlier search ended with, for a batch that may be another one now."""
        most = min(sequences_most, batch_sequences)
        return cls(sequences=min(sequences, most), sequences_most=most)

    def within(self, sequences_most: int) -> Self:
        """No larger than an estimate of memory allows."""
        most = max(1, min(self.sequences_most, sequences_most))
        return replace(self, sequences=min(self.sequences, most), sequences_most=most)

    def measured(
        self, seconds: float, sequences: int, bound_seconds: float, sequences_fitting: int | None = None
    ) -> Self:
        """The size after a micro-batch of `sequences` took `seconds`.

        Args:
            sequences_fitting: how many would fit into the device's memory by what this one took; None where the device
                cannot tell.
        """
        if seconds > bound_seconds:
            return replace(self, sequences=max(1, min(self.sequences, sequences) // 2))
        doubled = min(self.sequences * 2, self.sequences_most)
        fits = sequences_fitting is None or doubled <= sequences_fitting
        if sequences == self.sequences and fits and seconds < bound_seconds * _DOUBLE_BELOW:
            return replace(self, sequences=doubled)
        return self

    def out_of_memory(self) -> Self | None:
        """Half the size, and never more again; None when one sequence is already too much."""
        if self.sequences == 1:
            return None
        half = self.sequences // 2
        return replace(self, sequences=half, sequences_most=half)
