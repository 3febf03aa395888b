"""What a merge, a version and an update cost, from what was measured.

Every figure is of docs/measured.md or of the command that is named beside it (AMD EPYC, 2 cores, 2026-11-25), and is
named here once.
"""

from typing import Final

# `python -m benchmarks publish`: 5.26 s for 101 M parameters and 16 top-k updates, less what those add. It is the
# patch, the outer state, files and their hashes; a keyframe, which few versions are, is left out.
MERGE_SECONDS_A_PARAMETER: Final = 46e-9
# What each update adds: decoded and summed, on one core, by `python -m benchmarks.scale --merging`.
UPDATE_SECONDS_A_PARAMETER: Final = 0.36e-9
# "transfer": 393 MiB/s over TLS on the loopback, through one gateway process.
GATEWAY_BYTES_A_SECOND: Final = 393 * 2**20
# Top-k with 64 of each 4,096 up, 512 of 4,096 down, of a Gaussian pseudo-gradient; the same command prints both.
UPDATE_BITS_A_PARAMETER: Final = 0.157
PATCH_BITS_A_PARAMETER: Final = 0.81
# One update leaves an assignment, an update with its receipt, a credit and a place in a round.
ROWS_AN_UPDATE: Final = 4
FLOP_A_TOKEN_A_PARAMETER: Final = 6


def update_bytes(parameters: int) -> int:
    """One update, sent up."""
    return round(parameters * UPDATE_BITS_A_PARAMETER / 8)


def patch_bytes(parameters: int) -> int:
    """One version, sent down."""
    return round(parameters * PATCH_BITS_A_PARAMETER / 8)


def merge_seconds(parameters: int, updates: int) -> float:
    """From a closed round to a published version, on one aggregator."""
    return parameters * (MERGE_SECONDS_A_PARAMETER + updates * UPDATE_SECONDS_A_PARAMETER)
