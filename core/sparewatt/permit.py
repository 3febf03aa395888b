"""The permit: 64 bytes that the governor keeps writing and a worker must keep seeing change.

A permit is a claim about now, so it must expire by itself when whoever made it hangs or dies. Two monotonic clocks
need not agree, therefore no time is written: the governor advances a counter, and the reader judges by its own clock
when it last saw the counter change.

    offset  size  field
         0     8  sequence: odd while a write is under way
         8     8  counter: grows with every write
        16     8  generation: changes when the computer resumes from sleep
        24     4  kind: 0 hold, 1 compute, 2 encode only
        28     4  duty in 1e-3
        32     4  micro_batch_milliseconds: the longest a micro-batch should take
        36    24  zero
        60     4  CRC-32 of bytes 0 … 59

All little-endian. The CRC makes a torn read visible on processors that reorder stores, where a sequence number alone
would not.
"""

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from sparewatt.errors import IntegrityError

PERMIT_BYTES: Final = 64
FRESH_SECONDS: Final = 2.0
EXPIRED_SECONDS: Final = 10.0
# Pauses that would be shorter are saved up. Some power sensors look only a part of the time, ten times a second: a load
# that is switched in that rhythm is met at the same place of its period for minutes, and seems a fifth less than it is.
PAUSE_LEAST_SECONDS: Final = 0.1

_FIELDS: Final = struct.Struct("<QQQIII24x")
_CHECK: Final = struct.Struct("<I")


class PermitKind(IntEnum):
    """What a fresh permit allows. `HOLD` keeps the worker alive and lets it compute nothing."""

    HOLD = 0
    COMPUTE = 1
    ENCODE = 2


@dataclass(frozen=True)
class Grant:
    """What the governor allows.

    Attributes:
        duty: share of time to compute, above 0 and at most 1; kept by pauses of at least `PAUSE_LEAST_SECONDS`.
        micro_batch_seconds: the longest a micro-batch should take.
    """

    kind: PermitKind
    duty: float = 1.0
    micro_batch_seconds: float = 0.25


@dataclass(frozen=True)
class Permit:
    """One whole reading of the memory."""

    counter: int
    generation: int
    grant: Grant


@dataclass(frozen=True)
class Standing:
    """How a reader stands with its permit.

    Attributes:
        grant: what is allowed now; None when the permit is not fresh.
        expired: the permit has not advanced for so long that the process must end.
    """

    grant: Grant | None
    expired: bool


HOLD: Final = Grant(PermitKind.HOLD)


class PermitWriter:
    """Writes the permit's memory; for one thread.

    While a worker lives it must be written at least every second, with `HOLD` when nothing may be computed: a memory
    that does not change for 10 s ends the worker.

    Args:
        memory: 64 writable bytes.
    """

    def __init__(self, memory: memoryview) -> None:
        if len(memory) != PERMIT_BYTES or memory.readonly:
            raise IntegrityError("permit.memory", size=len(memory))
        self._memory = memory
        self._counter = 0
        self._generation = 1

    def advance(self, grant: Grant) -> None:
        """Renew the permit with `grant`."""
        self._counter += 1
        sequence = 2 * self._counter
        body = _encode(sequence, self._counter, self._generation, grant)
        self._memory[0:8] = (sequence - 1).to_bytes(8, "little")
        self._memory[8:] = body[8:]
        self._memory[0:8] = body[0:8]

    def withhold(self) -> None:
        """Take back what was granted: nothing may be computed until the next `advance`."""
        self.advance(HOLD)

    def resumed(self) -> None:
        """Start a new generation: what was granted before the computer slept no longer counts."""
        self._generation += 1
        self.withhold()


def read(memory: memoryview | bytes | bytearray) -> Permit | None:
    """The permit in `memory`; None when it was never written, is being written or is damaged."""
    copied = bytes(memory[:PERMIT_BYTES])
    if len(copied) != PERMIT_BYTES:
        return None
    sequence, counter, generation, kind, duty_milli, micro_batch_milliseconds = _FIELDS.unpack_from(copied)
    (check,) = _CHECK.unpack_from(copied, _FIELDS.size)
    if sequence == 0 or sequence % 2 or check != zlib.crc32(copied[: _FIELDS.size]):
        return None
    if kind not in _KINDS or not 1 <= duty_milli <= 1000 or micro_batch_milliseconds < 1:
        return None
    grant = Grant(PermitKind(kind), duty_milli / 1000, micro_batch_milliseconds / 1000)
    return Permit(counter=counter, generation=generation, grant=grant)


class PermitReader:
    """Judges freshness from readings and the reader's own clock; pure.

    A change that shows between two observations may be as old as the earlier one, and is taken to be. So a reader
    that looks rarely sees an older permit, never a fresher one. The first reading and the first of a generation only
    set the mark: they may have been written at any time.

    Args:
        now: the reader's monotonic seconds.
    """

    def __init__(self, now: float) -> None:
        self._permit: Permit | None = None
        self._advanced_at: float | None = None
        self._alive_at = now
        self._observed_at = now

    def observe(self, permit: Permit | None, now: float) -> Standing:
        """The standing at `now` after reading `permit` (None: nothing whole could be read, so nothing changed)."""
        if permit is not None:
            previous = self._permit
            if previous is None or permit.generation != previous.generation:
                self._advanced_at = None
                self._alive_at = now
            elif permit.counter != previous.counter:
                self._advanced_at = self._alive_at = self._observed_at
            self._permit = permit
            # A reading that could not be made is no observation: the change may have come before it.
            self._observed_at = now
        fresh = self._advanced_at is not None and now - self._advanced_at <= FRESH_SECONDS
        grant = self._permit.grant if fresh and self._permit is not None else None
        return Standing(grant=grant, expired=now - self._alive_at >= EXPIRED_SECONDS)


def _encode(sequence: int, counter: int, generation: int, grant: Grant) -> bytes:
    duty_milli = min(1000, max(1, round(grant.duty * 1000)))
    micro_batch_milliseconds = min(60_000, max(1, round(grant.micro_batch_seconds * 1000)))
    fields = _FIELDS.pack(sequence, counter, generation, grant.kind, duty_milli, micro_batch_milliseconds)
    return fields + _CHECK.pack(zlib.crc32(fields))


_KINDS: Final = frozenset(kind.value for kind in PermitKind)
