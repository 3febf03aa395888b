"""From the run's key to the keys that speak for the run day by day.

An invite names the SHA-256 of the organiser's offline key. That key signs the manifest and every online key; an online
key signs assignments, announcements, receipts and refusals. A key that was once in the chain still proves what it
signed; a session is only ever proved by the newest.
"""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from sparewatt.errors import IntegrityError
from sparewatt.signing import Signed, digest, verify
from sparewatt.work.invite import run_key_sha256
from sparewatt.work.manifest import MANIFEST_KIND, ROTATION_KIND, Manifest, OnlineKey

T = TypeVar("T")
# A chain that rotates every 90 days lasts 250 years; more is somebody filling our memory.
KEYS_MOST = 1_000


class KeyChain(msgspec.Struct, frozen=True):
    """The verified online keys of one run, oldest first.

    Attributes:
        run: digest of the manifest.
        run_key_sha256: SHA-256 of the organiser's public key, from the invite.
    """

    run: str
    run_key_sha256: str
    keys: tuple[OnlineKey, ...] = ()

    @property
    def newest(self) -> OnlineKey | None:
        return self.keys[-1] if self.keys else None

    def extended(self, signed: Signed) -> "KeyChain":
        """The chain with one more online key; unchanged when `signed` is its newest already.

        Raises:
            IntegrityError: ``key.run_key`` when another key than the organiser's signed it, ``key.run`` when it belongs
                to another run, ``key.retired`` when a newer one is known, ``key.forked`` when another key has its
                sequence number, or as `signing.verify`.
        """
        stated = _organisers_word(signed, ROTATION_KIND, self.run_key_sha256, OnlineKey)
        if stated.run != self.run:
            raise IntegrityError("key.run")
        newest = self.newest
        if newest is not None and stated.sequence < newest.sequence:
            raise IntegrityError("key.retired", sequence=stated.sequence, newest=newest.sequence)
        if newest is not None and stated.sequence == newest.sequence:
            if stated != newest:
                raise IntegrityError("key.forked", sequence=stated.sequence)
            return self
        if len(self.keys) >= KEYS_MOST:
            raise IntegrityError("key.too_many", most=KEYS_MOST)
        return msgspec.structs.replace(self, keys=(*self.keys, stated))

    def with_earlier(self, signed: Signed) -> "KeyChain":
        """The chain with an online key in its place, wherever that is; unchanged when it is known already.

        For what was signed before this contributor came: a key that is found here never makes an older one the newest.

        Raises:
            IntegrityError: as `extended`, but for ``key.retired``.
        """
        stated = _organisers_word(signed, ROTATION_KIND, self.run_key_sha256, OnlineKey)
        later = tuple(each for each in self.keys if each.sequence > stated.sequence)
        if not later:
            return self.extended(signed)
        if stated.run != self.run:
            raise IntegrityError("key.run")
        before = self.keys[: len(self.keys) - len(later)]
        if before and before[-1].sequence == stated.sequence:
            if before[-1] != stated:
                raise IntegrityError("key.forked", sequence=stated.sequence)
            return self
        if len(self.keys) >= KEYS_MOST:
            raise IntegrityError("key.too_many", most=KEYS_MOST)
        return msgspec.structs.replace(self, keys=(*before, stated, *later))

    def verify(self, signed: Signed, kind: str, into: type[T]) -> T:
        """What an online key of this chain stated.

        Raises:
            IntegrityError: ``key.unknown`` when no key of the chain signed it, or as `signing.verify`.
        """
        if all(signed.key != each.key for each in self.keys):
            raise IntegrityError("key.unknown", kind=kind)
        return verify(signed, kind, signed.key, into)


def key_chain(run: str, run_key_hash: str, signed: Iterable[Signed]) -> KeyChain:
    """The chain of `signed` online keys in ascending order; raises like `KeyChain.extended`."""
    chain = KeyChain(run=run, run_key_sha256=run_key_hash)
    for each in signed:
        chain = chain.extended(each)
    return chain


def verify_manifest(signed: Signed, run: str, run_key_hash: str) -> Manifest:
    """The manifest of `run`.

    Raises:
        IntegrityError: ``key.run_key``, ``manifest.key`` when it names another key than the one that signed it,
            ``manifest.digest`` when it is not the manifest that the invite means, or as `signing.verify`.
    """
    manifest = _organisers_word(signed, MANIFEST_KIND, run_key_hash, Manifest)
    if manifest.run_key != signed.key:
        raise IntegrityError("manifest.key")
    if digest(manifest) != run:
        raise IntegrityError("manifest.digest")
    return manifest


def other_manifest(signed: Signed, run_key_hash: str) -> tuple[str, Manifest]:
    """A manifest of whatever run, by the organiser whom the invite names, and the run's digest.

    Raises:
        IntegrityError: as `verify_manifest`.
    """
    manifest = _organisers_word(signed, MANIFEST_KIND, run_key_hash, Manifest)
    if manifest.run_key != signed.key:
        raise IntegrityError("manifest.key")
    return digest(manifest), manifest


def _organisers_word(signed: Signed, kind: str, run_key_hash: str, into: type[T]) -> T:
    try:
        signer = run_key_sha256(signed.key)
    except ValueError:
        signer = ""
    if signer != run_key_hash:
        raise IntegrityError("key.run_key", kind=kind)
    return verify(signed, kind, signed.key, into)
