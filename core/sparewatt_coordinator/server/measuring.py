"""When the held-out loss is measured, and over how much of the held-out data. Pure."""

from typing import Final

import msgspec

from sparewatt.work.manifest import Manifest
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.store.base import RunStatus

INTERVAL_MILLISECONDS: Final = 10_000
TOKENS_BETWEEN: Final = 16 * 1024
TOKENS_FIRST_AND_LAST: Final = 128 * 1024


class Measurement(msgspec.Struct, frozen=True):
    """A version to be measured; `outer_state` is None for the one that the run starts from."""

    version: VersionId
    outer_state: BlobRef | None
    tokens: int


def next_measurement(
    manifest: Manifest, status: RunStatus, last_milliseconds: int | None, now_milliseconds: int, final: bool
) -> Measurement | None:
    """What to measure now.

    Version 0 comes first, but not before the first update was accepted: measuring loads torch, which would take the
    processor from the first worker's first inner step. Then the newest version, at most every 10 s; and the last
    version over as much as the first, when the run ends.

    Args:
        last_milliseconds: when the last measurement began; None before any.
        final: the run has ended and only its last version is left to be measured.
    """
    most = min(manifest.data.held_out_tokens, TOKENS_FIRST_AND_LAST)
    known = {each.version: each.tokens for each in status.evaluations}
    start = Measurement(manifest.start, None, most)
    newest = Measurement(status.version, status.outer_state, most)
    if final:
        return newest if known.get(status.version.number, 0) < most else None
    if status.updates_accepted == 0:
        return None
    if not known and status.version.number - manifest.start.number <= manifest.outer.keyframe_every:
        return start
    if last_milliseconds is not None and now_milliseconds < last_milliseconds + INTERVAL_MILLISECONDS:
        return None
    if status.version.number in known:
        return None
    return msgspec.structs.replace(newest, tokens=min(manifest.data.held_out_tokens, TOKENS_BETWEEN))
