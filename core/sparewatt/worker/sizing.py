"""How much of a batch a worker begins with: by the memory that is free, and by what earlier workers found."""

from pathlib import Path
from typing import Final

from sparewatt.errors import UnavailableError
from sparewatt.training.device import Device
from sparewatt.training.micro_batch import MicroBatch
from sparewatt.work.memory import CONTEXT_BYTES, Fit, fit, least_bytes
from sparewatt.work.model import flop_per_token
from sparewatt.worker import remembered
from sparewatt.worker.messages import Configure

# What a micro-batch may take before the first permit has said it.
FIRST_BOUND_SECONDS: Final = 0.25


def fitting(frame: Configure, device: Device) -> Fit | None:
    """How the model is trained in the memory that is free; None where nobody knows how much that is.

    Raises:
        UnavailableError: ``device.memory_needed`` when it cannot be.
    """
    free = device.free_bytes()
    card = device.memory_bytes is not None
    free = frame.memory_free_bytes if free is None else free
    if free is None:
        return None
    if card:
        # Asking has made the driver's context already.
        free += CONTEXT_BYTES
    feedback = frame.codec.error_feedback == "decay"
    length, compute = frame.data.sequence_length, device.compute
    eight_bit, batch = frame.optimiser.eight_bit, frame.inner.batch_sequences
    found = fit(frame.model, length, batch, compute, free, card=card, error_feedback=feedback, eight_bit=eight_bit)
    if found is None:
        needed = least_bytes(frame.model, length, compute, card=card, error_feedback=feedback, eight_bit=eight_bit)
        raise UnavailableError("device.memory_needed", needed_bytes=needed, free_bytes=free)
    return found


def first_micro_batch(frame: Configure, device: Device, remembered_as: str) -> MicroBatch:
    """What an earlier worker found, or a guess from what the device may do in a second."""
    batch = frame.inner.batch_sequences
    known = remembered.recall(Path(frame.work_folder), remembered_as)
    if known is not None:
        return MicroBatch.remembered(known.sequences, known.sequences_most, batch)
    sequence_length = frame.data.sequence_length
    return MicroBatch.first(
        batch_sequences=batch,
        flop_per_sequence=flop_per_token(frame.model, sequence_length) * sequence_length,
        flop_per_s=device.guessed_flop_per_s,
        bound_seconds=FIRST_BOUND_SECONDS,
    )
