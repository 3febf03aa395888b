"""What a run takes from a contributor, at most: said in the manifest and enforced by the engine."""

from typing import Final

from sparewatt.numeric.codec import update_bytes_most
from sparewatt.numeric.keyframe import keyframe_bytes
from sparewatt.numeric.moment_layout import moments_file_bytes, moments_tail_bytes
from sparewatt.numeric.patch import patch_bytes_most
from sparewatt.numeric.residual import BYTES_PER_COORDINATE as RESIDUAL_BYTES_PER_PARAMETER
from sparewatt.work.manifest import CostSpec
from sparewatt.work.memory import moment_bytes
from sparewatt.work.model import base_of, frozen_count, parameter_count
from sparewatt_coordinator.create.profile import Profile
from sparewatt_coordinator.create.shards import SHARD_BYTES

# Announcements, assignments and receipts beside the blobs.
_WORDS_BYTES: Final = 256 * 1024
_SHARDS_AT_A_TIME: Final = 8
# Weights and gradient; the base and the trainable area; one more while an update is encoded. AdamW's moments beside it.
_BYTES_PER_PARAMETER: Final = 2 * 4 + 2 * 4 + 4
_TORCH_BYTES: Final = 700 * 1024 * 1024
# Activations of one sequence, per layer, hidden number and token: about 34 fp32 numbers, and the logits.
_ACTIVATIONS: Final = 34 * 4


def costs_of(profile: Profile) -> CostSpec:
    """Bounds for `profile`, generous enough for a device that gets assignments of four times the usual length."""
    model = profile.model
    coordinates = parameter_count(model)
    sequence = profile.sequence_length * (model.layers * model.hidden_size * _ACTIVATIONS + model.vocabulary_size * 12)
    activations = profile.inner.batch_sequences * sequence
    data = _SHARDS_AT_A_TIME * SHARD_BYTES
    patch = patch_bytes_most(coordinates, profile.outer.patch)
    bytes_per_parameter = _BYTES_PER_PARAMETER
    bytes_per_parameter += RESIDUAL_BYTES_PER_PARAMETER if profile.codec.error_feedback == "decay" else 0
    update = update_bytes_most(profile.codec, coordinates)
    moments = 0
    if profile.inner.shares_moments:
        update += moments_tail_bytes(model)
        moments = moments_file_bytes(model)
    optimiser = moment_bytes(model, eight_bit=profile.optimiser.eight_bit)
    frozen = 4 * frozen_count(model)
    base = keyframe_bytes(base_of(model)) if frozen else 0
    kept = base + 2 * keyframe_bytes(model) + 8 * (patch + moments) + 8 * update + 4 * data
    return CostSpec(
        download_bytes_first=base + keyframe_bytes(model) + moments + data + _WORDS_BYTES,
        download_bytes_per_version=patch + moments + data + _WORDS_BYTES,
        upload_bytes_per_update=update + _WORDS_BYTES,
        disk_bytes=kept + 64 * _WORDS_BYTES,
        memory_bytes=frozen + bytes_per_parameter * coordinates + optimiser + activations + _TORCH_BYTES,
    )
