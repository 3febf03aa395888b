"""Answers one request at a time; torch is loaded by the first that needs it."""

import os
from collections.abc import Callable
from typing import Protocol

from sparewatt.blobs.folder import BlobFolder
from sparewatt.errors import SparewattError, UnavailableError
from sparewatt_coordinator.aggregate.merge_job import run_merge
from sparewatt_coordinator.aggregate.messages import Answer, Evaluate, Evaluated, Failed, Merge, Sample, Sampled


class Scores(Protocol):
    """What `score_job.Scorer` does."""

    def evaluate(self, job: Evaluate) -> Evaluated:
        """Held-out loss of a version."""
        ...

    def sample(self, job: Sample) -> Sampled:
        """A continuation by a version."""
        ...


class Aggregator:
    """Does what is asked with the blobs of one run.

    Args:
        make_scorer: called once, at the first request that needs torch.
    """

    def __init__(self, blobs: BlobFolder, make_scorer: Callable[[BlobFolder], Scores]) -> None:
        self._blobs = blobs
        self._make_scorer = make_scorer
        self._scorer: Scores | None = None

    def answer(self, request: Merge | Evaluate | Sample) -> Answer:
        """The answer; expected failures are answers, too."""
        try:
            match request:
                case Merge():
                    return run_merge(request, self._blobs)
                case Evaluate():
                    return self._scores().evaluate(request)
                case Sample():
                    return self._scores().sample(request)
        except SparewattError as error:
            return Failed(
                reply_to=request.id, kind=type(error).__name__, error_id=error.error_id, parameters=error.parameters
            )

    def _scores(self) -> Scores:
        if self._scorer is None:
            self._scorer = self._make_scorer(self._blobs)
        return self._scorer


def torch_scorer(blobs: BlobFolder) -> Scores:
    """A scorer at the lowest priority: from now on this process yields to everything else on the computer.

    Raises:
        UnavailableError: ``torch.missing``.
    """
    if hasattr(os, "nice"):
        os.nice(19)
    try:
        from sparewatt_coordinator.aggregate.score_job import Scorer
    except ImportError as error:
        raise UnavailableError("torch.missing", detail=str(error)[:200]) from error
    return Scorer(blobs)
