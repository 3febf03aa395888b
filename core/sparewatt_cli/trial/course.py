"""The way through a trial: make a run, serve it, contribute to it, finish it, and check what came of it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sparewatt.control.messages import ManifestReply
from sparewatt.errors import UnavailableError
from sparewatt_cli.machine import machine_facts
from sparewatt_cli.receipt_file import Bundle, verified
from sparewatt_cli.surroundings import Surroundings
from sparewatt_cli.trial import run_side
from sparewatt_cli.trial.contributors import Contributor, snapshots
from sparewatt_cli.trial.interruptions import Interruptions
from sparewatt_cli.trial.live import Display
from sparewatt_cli.trial.plan import EndReason, TrialPlan, end_reason
from sparewatt_cli.trial.processes import Child, Children
from sparewatt_cli.trial.result import TrialResult, what_is_missing
from sparewatt_cli.trial.rows import Progress
from sparewatt_cli.trial.view import TrialView, trial_view
from sparewatt_cli.trial.window import TrialWindow

# From joining to the first inner step: PyTorch takes 3 to 10 s to load, and a slow disk may need several times that.
FIRST_STEP_SECONDS_MOST: Final = 180.0
# Sensors look for devices within a second; a driver that sleeps takes several.
DEVICES_SECONDS_MOST: Final = 20.0
_TICK_SECONDS: Final = 0.1


@dataclass(frozen=True)
class Trained:
    """What the training came to.

    Attributes:
        seconds: from the first device that trained to the end.
    """

    reason: EndReason
    seconds: float
    view: TrialView


class Course:
    """One trial; `run` leads through it.

    Args:
        window: whether to open the desktop's window over the first engine.
        now: monotonic seconds.
    """

    def __init__(
        self,
        plan: TrialPlan,
        place: Surroundings,
        text: Path | None,
        display: Display,
        interruptions: Interruptions,
        *,
        window: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan = plan
        self._place = place
        self._text = text
        self._display = display
        self._interruptions = interruptions
        self._window = window
        self._now = now
        self._began = now()
        self._progress = Progress("trial.creating", 0.0)
        self._children = Children(plan.folder / "logs")

    async def run(self) -> TrialResult:
        """The result, after everything that was started has ended.

        Raises:
            SparewattError: a part of it failed.
            CancelledError: the person wanted it to stop at once.
        """
        self._interruptions.attach()
        self._phase("trial.creating")
        await asyncio.to_thread(run_side.create_run, self._plan, self._text)
        try:
            async with self._children:
                result = await self._with_processes()
                self._phase("trial.cleaning")
                return result
        except asyncio.CancelledError:
            self._phase("trial.cleaning")
            raise

    async def _with_processes(self) -> TrialResult:
        self._phase("trial.starting")
        coordinator = await self._children.start("coordinator", self._plan.coordinator, says_ready=True)
        engines = [await self._children.start(engine.name, engine.arguments) for engine in self._plan.engines]
        await coordinator.ready()
        contributors = [
            Contributor(child, self._place.control_address(engine.folder))
            for child, engine in zip(engines, self._plan.engines, strict=True)
        ]
        await asyncio.gather(*(each.answering() for each in contributors))
        async with contextlib.AsyncExitStack() as shown:
            if self._window:
                await shown.enter_async_context(
                    TrialWindow(self._plan.engines[0].folder, self._plan.folder / "logs" / "window.log")
                )
            self._phase("trial.joining")
            reply = await self._join(contributors)
            async with _watching(contributors):
                trained = await self._train(contributors, reply.run)
                return await self._finish(contributors, engines, reply, trained)

    async def _join(self, contributors: Sequence[Contributor]) -> ManifestReply:
        invites = await asyncio.to_thread(run_side.invites, self._plan.run_folder, len(contributors))
        replies = [await each.join(invite) for each, invite in zip(contributors, invites, strict=True)]
        return replies[0]

    async def _train(self, contributors: Sequence[Contributor], run: str) -> Trained:
        joined, first_step = self._now(), None
        while True:
            self._children.check()
            view = trial_view(snapshots(contributors), run)
            now = self._now()
            if first_step is None and view.phase == "trial.training":
                first_step = now
            seconds = 0.0 if first_step is None else now - first_step
            if first_step is None and now - joined > FIRST_STEP_SECONDS_MOST and not view.waiting:
                raise UnavailableError(
                    "trial.stuck", name=contributors[0].child.name, seconds=int(FIRST_STEP_SECONDS_MOST)
                )
            if now - joined > DEVICES_SECONDS_MOST and any(not each.devices for each in snapshots(contributors)):
                raise UnavailableError("device.absent", kind=", ".join(self._plan.devices) or "usable")
            self._show(view.phase, view, seconds if first_step is not None else None)
            reason = end_reason(
                self._plan,
                # A device that only ever waits must not keep the trial for longer than it was meant to last.
                training_seconds=seconds if first_step is not None else now - joined - FIRST_STEP_SECONDS_MOST,
                tokens=view.run_tokens,
                closed=view.closed,
                interrupted=self._interruptions.once.is_set(),
            )
            if reason is not None:
                return Trained(reason, seconds, view)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._interruptions.once.wait(), _TICK_SECONDS)

    async def _finish(
        self, contributors: Sequence[Contributor], engines: Sequence[Child], reply: ManifestReply, trained: Trained
    ) -> TrialResult:
        plan = self._plan
        self._phase("trial.finishing")
        await asyncio.gather(*(each.deliver() for each in contributors))
        self._phase("trial.measuring")
        finished = await asyncio.to_thread(run_side.finish, plan.run_folder)
        self._phase("trial.verifying")
        bundles = [await each.receipts(reply.run) for each in contributors]
        reports = [verified(replace_manifest(bundle, reply)) for bundle in bundles]
        view = trial_view(snapshots(contributors), reply.run)
        # The cores are needed for the sample, and nothing more is wanted of the engines.
        await self._children.end(engines)
        self._phase("trial.sampling")
        sample = await run_side.sample(plan.run_folder, plan.prompt, plan.seed)
        self._phase("trial.exporting")
        await asyncio.to_thread(run_side.export, plan.run_folder, plan.checkpoint)
        tokens = sum(report.tokens for report in reports)
        receipts = sum(len(bundle.receipts) for bundle in bundles)
        receipts_verified = sum(report.receipts for report in reports)
        first = finished.evaluations[0][1] / 1e6 if finished.evaluations else None
        return TrialResult(
            exit_reason=trained.reason,
            loss_first=first,
            loss_last=finished.loss_last,
            loss_unit=view.loss_unit,
            loss_tokens=finished.loss_tokens,
            losses=tuple((version, loss / 1e6) for version, loss in finished.evaluations),
            versions=finished.version,
            tokens=tokens,
            credit=sum(report.credit_micro for report in reports) / 1e6,
            receipts=receipts,
            receipts_verified=receipts_verified,
            bytes_up=view.bytes_up,
            bytes_down=view.bytes_down,
            tokens_per_s=tokens / trained.seconds if trained.seconds > 0 else 0.0,
            training_seconds=trained.seconds,
            contributors=len(contributors),
            threads=plan.threads,
            device=", ".join(name for name, _ in trained.view.devices),
            checkpoint=str(plan.checkpoint),
            sample=sample,
            machine=machine_facts(),
            missing=what_is_missing(
                versions=finished.version,
                loss_last=finished.loss_last,
                receipts=receipts,
                receipts_verified=receipts_verified,
                checkpoint=True,
                sample=bool(sample),
            ),
        )

    def _phase(self, phase: str) -> None:
        self._progress = replace(self._progress, phase=phase, elapsed_s=self._now() - self._began, training_s=None)
        self._display.show(self._progress)

    def _show(self, phase: str, view: TrialView, training_seconds: float | None) -> None:
        self._progress = Progress(phase, self._now() - self._began, training_seconds, self._plan.seconds, view)
        self._display.show(self._progress)


def replace_manifest(bundle: Bundle, reply: ManifestReply) -> Bundle:
    """`bundle` with the manifest that was consented to: what the receipts are checked against is not their bringer's
    choice."""
    return Bundle(1, reply.run, bundle.run_key, reply.manifest, bundle.online_keys, bundle.receipts)


@contextlib.asynccontextmanager
async def _watching(contributors: Sequence[Contributor]) -> AsyncIterator[None]:
    """Keep the contributors' snapshots the newest, for as long as the context lasts."""
    tasks = [asyncio.create_task(each.watch(), name=each.child.name) for each in contributors]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
