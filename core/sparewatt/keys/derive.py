"""Everything that is made from a contributor's one secret, so that runs cannot tell that two keys are one person.

The master secret is 32 random bytes; HKDF-SHA256 (RFC 5869) with a purpose as its info separates what is made of it.
"""

import hashlib
import hmac
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SECRET_BYTES: Final = 32


class MasterSecret:
    """The one secret of a (computer, user). It shows itself to nobody: not in logs, not in tracebacks.

    Raises:
        ValueError: it is not 32 bytes.
    """

    __slots__ = ("_bytes",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SECRET_BYTES:
            raise ValueError("a master secret has 32 bytes")
        self._bytes = secret

    def __repr__(self) -> str:
        return "MasterSecret(<hidden>)"

    def __reduce__(self) -> str:
        raise TypeError("a master secret is not copied to other processes")

    def reveal(self) -> bytes:
        """The bytes, for the place that keeps them."""
        return self._bytes

    def fingerprint(self) -> str:
        """64 hex digits that tell secrets apart and tell nothing else."""
        return self._derive("fingerprint").hex()

    def run_key(self, run: str) -> Ed25519PrivateKey:
        """The contributor's key for the run with this digest (64 hex digits)."""
        return Ed25519PrivateKey.from_private_bytes(self._derive(f"run key {run}"))

    def device_name(self, run: str, device: str) -> str:
        """A device's name on the wire, 32 hex digits: stable within a run, unrelated between runs."""
        message = f"{run}\0{device}".encode()
        return hmac.new(self._derive("device names"), message, hashlib.sha256).digest()[:16].hex()

    def _derive(self, purpose: str) -> bytes:
        return HKDF(SHA256(), length=32, salt=None, info=f"sparewatt.v1 {purpose}".encode()).derive(self._bytes)
