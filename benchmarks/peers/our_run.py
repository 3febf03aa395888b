"""A coordinator and two engines of ours, of which one may be killed half way."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import msgspec

from benchmarks.peers.outcome import Course, Outcome, longest_pause, why_unended
from benchmarks.peers.small_model import WEIGHTS_FILE
from benchmarks.peers.task import STEP_TOKENS, Task, held_out_loss, profile_of
from benchmarks.rig import Rig, rig
from sparewatt.control.client import connect
from sparewatt.control.messages import Pause, Resume
from sparewatt.snapshot import Snapshot
from sparewatt.work.invite import format_invite, parse_invite
from sparewatt_cli import run_look
from sparewatt_cli.trial import run_side
from sparewatt_cli.trial.contributors import Contributor
from sparewatt_coordinator.create.profile import Profile

_LOOK_SECONDS: Final = 0.1


def ours(task: Task, folder: Path) -> Outcome:
    """Both courses of Sparewatt."""
    courses = [asyncio.run(_course(task, folder, kill=kill)) for kill in (False, True)]
    notes = (
        "ours moves the training data over the socket, too; the others read them from a folder",
        "ours has the rounds, the codecs and the optimiser that `sparewatt run create` picks for two contributors",
    )
    return Outcome("Sparewatt", courses[0], courses[1], notes)


@dataclass
class Watched:
    """What an engine's snapshots told.

    Attributes:
        tokens: trained so far, finished assignments and the present one.
        moments: when they had grown, by the system's clock.
    """

    tokens: int = 0
    moments: list[float] = field(default_factory=list)

    def see(self, tokens: int, at: float) -> None:
        """Note what was trained at a moment."""
        if tokens > self.tokens:
            self.tokens = tokens
            self.moments.append(at)


def tokens_of(snapshot: Snapshot | None) -> int:
    """Tokens that an engine has trained, with those of the assignments that its devices work on."""
    if snapshot is None:
        return 0
    return sum(each.tokens + (0 if each.current is None else each.current.tokens) for each in snapshot.devices)


async def _course(task: Task, folder: Path, *, kill: bool) -> Course:
    def change(_: Profile) -> Profile:
        return profile_of(task)

    async with rig(threads=1, change=change) as system:
        await system.pause()
        second, watching = await _second(system)
        try:
            began, before = time.time(), system.between.up + system.between.down
            for number in range(2):
                await _command(system, number, lambda each: Resume(id=each))
            killed_at, first, seconds, ended = await _watched(system, second, task, began, kill=kill)
            moved = system.between.up + system.between.down - before
            status = (await asyncio.to_thread(run_look.look, system.plan.run_folder)).status
            to = folder / ("ours-killed" if kill else "ours")
            await asyncio.to_thread(run_look.export, system.plan.run_folder, to)
        finally:
            watching.cancel()
    return Course(
        tokens=status.trained_tokens,
        loss=await asyncio.to_thread(held_out_loss, folder, to / WEIGHTS_FILE),
        moved_bytes=moved,
        seconds=seconds,
        pause_seconds=None if killed_at is None else longest_pause(first.moments, killed_at, began + seconds),
        unended=why_unended(killed_at, seconds, kill=kill, ended=ended),
        averages=f"{status.version.number} of {status.updates_accepted} updates",
    )


async def _second(system: Rig) -> tuple[Contributor, "asyncio.Task[None]"]:
    """Another engine that has joined the same run over the same wire, and is paused."""
    engine = await system.children.start("engine 2", system.plan.engines[1].arguments)
    contributor = Contributor(engine, system.place.control_address(system.plan.engines[1].folder))
    await contributor.answering()
    await _command(system, 1, lambda number: Pause(id=number, until_unix_s=0))
    (text,) = await asyncio.to_thread(run_side.invites, system.plan.run_folder, 1)
    invite = parse_invite(text)
    address = urlsplit(invite.url)
    url = urlunsplit(address._replace(netloc=f"{address.hostname}:{system.between.port}"))
    await contributor.join(format_invite(msgspec.structs.replace(invite, url=url)))
    return contributor, asyncio.create_task(contributor.watch())


async def _command(system: Rig, number: int, of: "Callable[[int], Pause | Resume]") -> None:
    async with await connect(system.place.control_address(system.plan.engines[number].folder)) as client:
        await client.command(of)


async def _watched(
    system: Rig, second: Contributor, task: Task, began: float, *, kill: bool
) -> tuple[float | None, Watched, float, bool]:
    """Until every planned token is merged: when the second was killed, the first's moments, how long it took, and
    whether all were in time."""
    killed_at: float | None = None
    first, other = Watched(), Watched()
    look = asyncio.create_task(_until_merged(system, task))
    while time.time() - began < task.seconds_most and not look.done():
        await asyncio.sleep(_LOOK_SECONDS)
        if killed_at is None:
            system.children.check()
        now = time.time()
        first.see(tokens_of(system.contributor.snapshot), now)
        other.see(tokens_of(second.snapshot), now)
        if kill and killed_at is None and other.tokens >= task.kill_steps * STEP_TOKENS:
            second.child.kill()
            killed_at = now
    seconds, ended = time.time() - began, look.done()
    look.cancel()
    return killed_at, first, seconds, ended


async def _until_merged(system: Rig, task: Task) -> None:
    """Until the planned tokens are in and no round gathers or is merged; what is measured after that does not count."""
    while True:
        await asyncio.sleep(5 * _LOOK_SECONDS)
        status = (await asyncio.to_thread(run_look.look, system.plan.run_folder)).status
        if status.trained_tokens >= task.tokens and not status.gathering_updates and status.merging_round is None:
            return
