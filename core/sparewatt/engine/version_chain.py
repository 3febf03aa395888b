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
    """One way into a version: `blob` is its keyframe, or the patch from the version before."""

    version: VersionId
    blob: BlobRef
    keyframe: bool


@dataclass(frozen=True)
class VersionChain:
    """Consecutive versions, oldest first.

    Attributes:
        steps: the first one is a keyframe unless `rootless`; each later one is a patch from its predecessor.
        fetched: versions whose blob is on this computer, counted from the front.
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
    def missing(self) -> tuple[BlobRef, ...]:
        """Blobs to fetch, in the order in which they are needed."""
        return tuple(step.blob for step in self.steps[self.fetched :])

    def extends(self, announcement: Announcement) -> bool:
        """Whether the announced version follows the tip by its patch."""
        return self.tip is not None and announcement.patch is not None and announcement.previous == self.tip

    def with_fetched(self, blob: BlobRef) -> "VersionChain":
        """After `blob`, the next missing one, arrived; any other blob changes nothing."""
        missing = self.missing
        return replace(self, fetched=self.fetched + 1) if missing and missing[0] == blob else self

    def extended(self, announcement: Announcement) -> "VersionChain":
        """With the announced version behind the tip; `extends` must hold."""
        if announcement.patch is None or not self.extends(announcement):
            raise IntegrityError("version.gap", number=announcement.version.number)
        return replace(self, steps=(*self.steps, Step(announcement.version, announcement.patch, keyframe=False)))

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
        chain = VersionChain(steps=(Step(keyframe.version, keyframe.keyframe, keyframe=True),))
    for patch in patches:
        chain = chain.extended(patch)
    return chain
