"""The memory that a device's workers share with the engine, and the permit in it."""

from sparewatt.clock import Clock
from sparewatt.permit import Grant, PermitWriter
from sparewatt.process.memory import Area
from sparewatt.work.manifest import CodecSpec
from sparewatt.work.model import ModelSpec
from sparewatt.work.version import BlobRef
from sparewatt.worker.areas import TrainedMark, WorkerAreas, create_areas, forget, read_mark


class DeviceMemory:
    """Areas that are made when a worker first needs them and outlive each worker.

    Attributes:
        areas: None while there are none.
        fresh: they were made anew, residual included, and no worker has had them yet.
        residual: the area of the residual; it may outlive the others, since it is the smallest and cannot be rebuilt.
        way: blobs that lead to the base of work that an earlier engine left.
        advanced_at: monotonic moment at which the permit last advanced, or a worker's time began.
    """

    def __init__(self, clock: Clock) -> None:
        self.areas: WorkerAreas | None = None
        self.residual: Area | None = None
        self.fresh = False
        self.way: tuple[BlobRef, ...] = ()
        self.advanced_at = 0.0
        self._permit: PermitWriter | None = None
        self._clock = clock

    @property
    def held_bytes(self) -> int:
        """What the areas take."""
        return 0 if self.areas is None else sum(len(area.view) for area in self.areas.all)

    def make(self, spec: ModelSpec, codec: CodecSpec) -> WorkerAreas:
        """The areas, made for a run's model and codec when there are none.

        Raises:
            StorageError: ``area.create``.
        """
        if self.areas is None:
            self.fresh = self.residual is None
            self.areas = create_areas(spec, codec, self.residual)
            self.residual = self.areas.residual
            self._permit = PermitWriter(self.areas.permit.view)
        return self.areas

    def drop(self, *, residual: bool = True) -> None:
        """Give the memory back, the residual's only if asked. No pacer may advance the permit any more."""
        areas, self.areas, self._permit = self.areas, None, None
        if areas is not None:
            for area in (areas.base, areas.trainable, areas.permit):
                area.close()
        kept, self.residual = self.residual, None if residual else self.residual
        if residual and kept is not None:
            kept.close()

    def begin(self) -> None:
        """A worker's time begins now: its permit need not have advanced before."""
        self.advanced_at = self._clock.monotonic()

    def advance(self, grant: Grant) -> None:
        """Renew the permit; called on the pacer's thread."""
        permit = self._permit
        if permit is not None:
            permit.advance(grant)
            self.advanced_at = self._clock.monotonic()

    def resumed(self) -> None:
        """The computer slept: what was granted before no longer counts; called on the pacer's thread."""
        permit = self._permit
        if permit is not None:
            permit.resumed()

    def forget_trained(self) -> None:
        """What was trained so far is not wanted any more, or its base is about to go."""
        if self.areas is not None:
            forget(self.areas.trainable.view)

    def trained(self, assignment_id: str) -> TrainedMark | None:
        """How far the trainable area holds an assignment; None when not by a single inner step."""
        mark = None if self.areas is None else read_mark(self.areas.trainable.view)
        return mark if mark is not None and mark.assignment_id == assignment_id and mark.inner_steps > 0 else None
