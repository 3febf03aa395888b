"""Which versions of a run can be built here, and how: a keyframe and the patches that follow it.

Pure: it holds announcements and answers what to fetch and what to apply. Blobs are somebody else's.
"""

from dataclasses import dataclass, replace

from sparewatt.errors import IntegrityError
from sparewatt.work.receipt import Announcement
from sparewatt.work.version import BlobRef, VersionId

# A patch is about a quarter of a keyframe in the widest profile, so beyond this many nobody would start from the root.
LINKS_MOST = 64


@dataclass(frozen=True)
class Step:
    """One way into a version: `blob` is its keyframe, or the patch from the version before.

    Attributes:
        moments: second moments that training from it begins with, where its run shares them.
    """

    version: VersionId
    blob: BlobRef
    keyframe: bool
    moments: BlobRef | None = None

    @property
    def blobs(self) -> tuple[BlobRef, ...]:
        """All that has to be here before the version can be built and trained from."""
        return (self.blob,) if self.moments is None else (self.blob, self.moments)


@dataclass(frozen=True)
class VersionChain:
    """Consecutive versions, oldest first.

    Attributes:
        steps: the first one is a keyframe unless `rootless`; each later one is a patch from its predecessor.
        fetched: versions whose blobs are on this computer, counted from the front.
    """

    steps: tuple[Step, ...] = ()
    fetched: int = 0

    @property
    def tip(self) -> VersionId | None:
        """The newest version that is known to be reachable."""
        return self.steps[-1].version if self.steps else None

    @property
    def ready(self) -> VersionId | None:
        """The newest version that can be built from what was fetched."""
        return self.steps[self.fetched - 1].version if self.fetched else None

    @property
    def missing(self) -> tuple[Step, ...]:
        """Steps whose blobs are to be fetched, in the order in which they are needed."""
        return self.steps[self.fetched :]

    def extends(self, announcement: Announcement) -> bool:
        """Whether the announced version follows the tip by its patch."""
        return self.tip is not None and announcement.patch is not None and announcement.previous == self.tip

    def with_fetched(self, step: Step) -> "VersionChain":
        """After the blobs of `step`, the next missing one, arrived; any other step changes nothing."""
        missing = self.missing
        return replace(self, fetched=self.fetched + 1) if missing and missing[0] == step else self

    def moments(self, version: VersionId) -> BlobRef | None:
        """The second moments of `version`, if it has any and is among these."""
        return next((step.moments for step in self.steps if step.version == version), None)

    def extended(self, announcement: Announcement) -> "VersionChain":
        """With the announced version behind the tip; `extends` must hold."""
        if announcement.patch is None or not self.extends(announcement):
            raise IntegrityError("version.gap", number=announcement.version.number)
        step = Step(announcement.version, announcement.patch, keyframe=False, moments=announcement.moments)
        return replace(self, steps=(*self.steps, step))

    def path(self, applied: VersionId | None) -> tuple[Step, ...] | None:
        """The fetched steps that lead from `applied` (or from nothing) to `ready`; None when there is no such way."""
        fetched = self.steps[: self.fetched]
        for index, step in enumerate(fetched):
            if step.version == applied:
                return fetched[index + 1 :]
        if fetched and fetched[0].keyframe:
            return fetched
        return None

    def way(self, version: VersionId) -> tuple[Step, ...] | None:
        """The fetched steps that lead from nothing to `version`; None when there is no such way."""
        for index, step in enumerate(self.steps[: self.fetched]):
            if step.version == version and self.steps[0].keyframe:
                return self.steps[: index + 1]
        return None

    def shortened(self, applied: frozenset[VersionId]) -> "VersionChain":
        """Without the steps nobody needs, once the chain is long and every device stands at the fetched tip."""
        if len(self.steps) <= LINKS_MOST or self.fetched < len(self.steps) or applied != {self.ready}:
            return self
        return VersionChain(steps=self.steps[-1:], fetched=1)


def chain_from(keyframe: Announcement | None, patches: tuple[Announcement, ...], have: VersionChain) -> VersionChain:
    """The chain that a coordinator's answer makes: a new one from a keyframe, or `have` with more patches.

    Raises:
        IntegrityError: ``version.gap`` when the answer does not connect.
    """
    chain = have
    if keyframe is not None:
        if keyframe.keyframe is None:
            raise IntegrityError("version.gap", number=keyframe.version.number)
        step = Step(keyframe.version, keyframe.keyframe, keyframe=True, moments=keyframe.moments)
        chain = VersionChain(steps=(step,))
    for patch in patches:
        chain = chain.extended(patch)
    return chain
