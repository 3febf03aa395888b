"""Starts worker processes, speaks to them and ends them; loads neither torch nor numpy."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

import msgspec

from sparewatt.errors import ProtocolError
from sparewatt.plain_json import Unreadable, decoded_by
from sparewatt.process.child import Child, ChildCommand, ChildExit, environment_for, start
from sparewatt.process.reclaim import reclaim
from sparewatt.worker.areas import WorkerAreas
from sparewatt.worker.exits import WorkerExit
from sparewatt.worker.messages import EngineFrame, Stop, WorkerFrame
from sparewatt.worker.port import ExitReason, StopHow, WorkerDevice, WorkerEvent, WorkerExited, WorkerFolders

# Encoding and syncing an update of 1 G parameters takes about 10 s.
_RELAXED_SECONDS: Final = 30.0
# A checkpoint of 1 G parameters is 12 GB, which a disk of 200 MB/s takes in a minute.
_RESUMABLE_SECONDS: Final = 90.0
# Enough for the last copy; what is left of one second is for freeing its memory.
_URGENT_SECONDS: Final = 0.5
_RECLAIM_SECONDS: Final = 2.0
# A worker that closed its pipe is on its way out.
_EXIT_SECONDS: Final = 5.0

_REASONS: Final[dict[int, ExitReason]] = {
    WorkerExit.STOPPED: "stopped",
    WorkerExit.ARGUMENTS: "arguments",
    WorkerExit.UNAVAILABLE: "unavailable",
    WorkerExit.PROTOCOL: "protocol",
    WorkerExit.PERMIT_EXPIRED: "permit_expired",
    WorkerExit.PARENT_GONE: "parent_gone",
}

_OFFLINE: Final = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}
# One compiler at a time, in the worker itself, and no results kept that only unpickling could read again.
_COMPILING: Final = {
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    "TORCHINDUCTOR_FX_GRAPH_CACHE": "0",
    "TORCHINDUCTOR_AUTOGRAD_CACHE": "0",
}
# At the lowest priority a thread that spins at a barrier burns the time that the thread it waits for would need: beside
# other programs, inner steps took over ten times as long as with threads that sleep there.
_POLITE: Final = {"OMP_WAIT_POLICY": "passive", "KMP_BLOCKTIME": "0"}

# The first driver that reads CUDA_DISABLE_PERF_BOOST.
_UNBOOSTED_SINCE: Final = (580, 105)


class WorkerSupervisor:
    """Starts real workers.

    Args:
        environment: the engine's own environment; workers get only the part of it that they need.
        log: takes a worker's lines on standard error.
        python: the interpreter to start; another one in a frozen program.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        log: Callable[[str], None],
        python: tuple[str, ...] = (sys.executable, "-P", "-m", "sparewatt.worker"),
    ) -> None:
        self._environment = environment
        self._log = log
        self._python = python

    async def start(self, device: WorkerDevice, areas: WorkerAreas, folders: WorkerFolders) -> "WorkerProcess":
        """As `WorkerStarter.start`."""
        accelerator = ("--accelerator",) if device.kind == "cuda" else ()
        compiler = ("--compiler",) if device.compile else ()
        return await self._start(areas, folders, device_environment(device), (*accelerator, *compiler))

    async def start_encoder(self, areas: WorkerAreas, folders: WorkerFolders) -> "WorkerProcess":
        """As `WorkerStarter.start_encoder`."""
        return await self._start(areas, folders, device_environment(WorkerDevice("cpu")), ("--encoder",))

    async def _start(
        self, areas: WorkerAreas, folders: WorkerFolders, environment: Mapping[str, str], flags: tuple[str, ...]
    ) -> "WorkerProcess":
        command = ChildCommand(
            arguments=(
                *self._python,
                f"--base={areas.base.handle}",
                f"--trainable={areas.trainable.handle}",
                f"--permit={areas.permit.handle}",
                *(() if areas.residual is None else (f"--residual={areas.residual.handle}",)),
                f"--work-folder={folders.work}",
                *(f"--read={place}" for place in folders.read),
                *flags,
            ),
            environment=environment_for(self._environment, {**environment, **folder_environment(folders)}),
            descriptors=areas.descriptors,
            background=True,
            # A compiler is not to outlive the worker that started it.
            with_group="--compiler" in flags,
        )
        return WorkerProcess(await start(command, self._log))


class WorkerProcess:
    """A real worker; see `worker.port.Worker` for what its methods mean."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder[WorkerFrame](WorkerFrame)

    @property
    def pid(self) -> int:
        return self._child.pid

    async def send(self, frame: EngineFrame) -> None:
        try:
            await self._child.send(self._encoder.encode(frame))
        except ProtocolError:
            # Gone already, or stuck: in both cases the exit is what the engine has to hear of.
            await self._child.stop(by_itself_seconds=_URGENT_SECONDS, terminate_seconds=0.0)

    async def events(self) -> AsyncIterator[WorkerEvent]:
        broken = False
        try:
            async for payload in self._child.frames():
                yield decoded_by(self._decoder, payload)
        except (ProtocolError, Unreadable):
            broken = True
        ended = await self._child.stop(by_itself_seconds=0.0 if broken else _EXIT_SECONDS, close_input=False)
        yield WorkerExited(
            reason="protocol" if broken else exit_reason(ended), code=ended.code, last_words=ended.last_words
        )

    async def stop(self, how: StopHow) -> None:
        await self.send(Stop(urgent=how == "urgent", resumable=how == "resumable"))
        if how != "urgent":
            seconds = _RESUMABLE_SECONDS if how == "resumable" else _RELAXED_SECONDS
            await self._child.stop(by_itself_seconds=seconds, close_input=False)
            return
        reclaiming = asyncio.create_task(asyncio.to_thread(reclaim, self.pid, _RECLAIM_SECONDS))
        await self._child.stop(by_itself_seconds=_URGENT_SECONDS, terminate_seconds=0.0, close_input=False)
        await reclaiming


def exit_reason(ended: ChildExit) -> ExitReason:
    """What an exit code means; a signal that nobody here sent is a kill."""
    if ended.code < 0:
        return "killed"
    return _REASONS.get(ended.code, "crashed")


def folder_environment(folders: WorkerFolders) -> dict[str, str]:
    """Variables that keep libraries from looking for a person's folders, which a worker cannot reach."""
    work = str(folders.work)
    caches = {"TORCHINDUCTOR_CACHE_DIR": work, "TRITON_CACHE_DIR": work}
    if sys.platform == "win32":
        return {"TEMP": work, "TMP": work, **caches}
    return {"HOME": "/nonexistent", "TMPDIR": work, **caches}


def device_environment(device: WorkerDevice) -> dict[str, str]:
    """Variables that bind a worker to its device before any library of it is loaded."""
    if device.kind != "cuda":
        # An empty list hides every card, so that a worker on the CPU cannot wake one.
        threads = str(device.threads)
        return (
            _OFFLINE
            | _COMPILING
            | _POLITE
            | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        )
    return (
        _OFFLINE
        | _COMPILING
        | {
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
            "CUDA_VISIBLE_DEVICES": device.cuda_uuid or "0",
            # Nothing here is compiled on the computer that would be worth keeping, and there is no home to keep it in.
            "CUDA_CACHE_DISABLE": "1",
            **unboosted(device.driver_version),
        }
    )


def unboosted(driver_version: str | None) -> dict[str, str]:
    """The variable that lets a card's clocks fall while nothing runs on it, for drivers that know it.

    An open context otherwise keeps clocks boosted at no load: 50 to 80 W on the cards measured. What a driver of
    unknown version makes of the name is unknown, too.
    """
    if driver_version is None or _numbers(driver_version) < _UNBOOSTED_SINCE:
        return {}
    return {"CUDA_DISABLE_PERF_BOOST": "1"}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
