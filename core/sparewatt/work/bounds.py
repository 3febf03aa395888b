"""Bounded types that several nouns share; a value outside them does not decode."""

from typing import Annotated, Final

import msgspec

MAXIMUM_PARAMETERS: Final = 20_000_000_000
MAXIMUM_BLOB_BYTES: Final = 4 * MAXIMUM_PARAMETERS + 2**20

# \Z, not $, which would let a line feed follow.
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
PublicKey = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Identifier = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
# One line of plain text for a person: no control characters, no markup is ever interpreted.
Title = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]*\Z",
    ),
]
Words = Annotated[
    str,
    msgspec.Meta(
        max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]*\Z"
    ),
]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
Micro = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
BlobBytes = Annotated[int, msgspec.Meta(ge=0, le=MAXIMUM_BLOB_BYTES)]
