"""What comes back for an assignment, signed by the contributor."""

from typing import Annotated, Literal

import msgspec

from sparewatt.work.bounds import Count, Identifier, Positive, Sha256
from sparewatt.work.version import BlobRef, VersionId

UPDATE_KIND = "update"


class Update(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Header of a compressed pseudo-gradient; `payload` holds its numbers.

    Attributes:
        base: the version training really started from: the assignment's base or a newer one of its branch.
        tokens, inner_steps: what was trained, from the front of the assignment; fewer than assigned after a stop.
        loss_first_micro, loss_last_micro: mean training loss of the first and the last inner steps, in 1e-6 nats.
        delta_root: Merkle root over the SHA-256 of each 4,096 fp32 coordinates of the pseudo-gradient.
        compute: type of the matrix products it was trained with; absent for fp32. Whoever does the work again has to
            use the same, or allow for the difference.
        residual_before_root, residual_after_root: the same over the device's residual, where the codec has error
            feedback; the root over zeros says that a chain begins.
    """

    assignment_id: Identifier
    run: Sha256
    device: Identifier
    fence: Positive
    base: VersionId
    payload: BlobRef
    tokens: Positive
    inner_steps: Annotated[int, msgspec.Meta(ge=1, le=40_000)]
    loss_first_micro: Count
    loss_last_micro: Count
    train_milliseconds: Count
    delta_root: Sha256
    residual_before_root: Sha256 | None = None
    residual_after_root: Sha256 | None = None
    compute: Literal["bf16"] | None = None
