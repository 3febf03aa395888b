"""Versions of a run's weights and the blobs that carry them."""

import msgspec

from sparewatt.work.bounds import BlobBytes, Count, Sha256


class BlobRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A content-addressed block of bytes."""

    sha256: Sha256
    size: BlobBytes


class VersionId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The weights after an outer step.

    Attributes:
        branch: changes only at a signed rollback.
        number: outer steps since the branch began.
        sha256: SHA-256 of the canonical list of (name, shape, SHA-256 of little-endian fp32), never of a file.
    """

    branch: Count
    number: Count
    sha256: Sha256

    @property
    def position(self) -> tuple[int, int]:
        """Order of versions: by branch, then by number."""
        return (self.branch, self.number)
