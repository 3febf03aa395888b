"""A run that this contributor has joined, as it is kept."""

import msgspec

from sparewatt.credit.keychain import KeyChain, key_chain, verify_manifest
from sparewatt.session.trust import HighestSeen
from sparewatt.signing import Signed
from sparewatt.work.manifest import Manifest


class JoinedRun(msgspec.Struct, frozen=True):
    """Consent to a manifest, and what is needed to go on with it after a restart.

    Attributes:
        run: digest of the manifest that was consented to.
        url: websocket address of the coordinator.
        pin: hash of the coordinator's TLS key, from the invite; None where its name is certified.
        invite_secret: until the run knows this contributor's key; None afterwards.
        online_keys: signed online keys in ascending order.
        highest: newest announcement ever seen.
    """

    run: str
    url: str
    run_key_sha256: str
    invite_secret: str | None
    manifest: Signed
    consented_at_s: int
    online_keys: tuple[Signed, ...] = ()
    highest: HighestSeen | None = None
    pin: str | None = None

    def __repr__(self) -> str:
        return f"JoinedRun(run={self.run[:12]!r}, url={self.url!r})"

    def chain(self) -> KeyChain:
        """The verified key chain; raises IntegrityError when what was kept does not hold."""
        return key_chain(self.run, self.run_key_sha256, self.online_keys)

    def verified_manifest(self) -> Manifest:
        """The manifest, checked again; raises IntegrityError when what was kept does not hold."""
        return verify_manifest(self.manifest, self.run, self.run_key_sha256)
