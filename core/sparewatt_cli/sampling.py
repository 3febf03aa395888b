"""Lets a version of a run write, in an aggregator of its own; no coordinator needs to run."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

import msgspec

from sparewatt.errors import ProtocolError, UnavailableError, told_error
from sparewatt.plain_json import Unreadable, decoded_by
from sparewatt.process.child import Child, ChildCommand, environment_for, start
from sparewatt_cli.machine import usable_cores
from sparewatt_cli.run_look import look
from sparewatt_coordinator.aggregate.messages import Answer, Failed, Sample, Sampled, Weights
from sparewatt_coordinator.server.folder import DataFolder

SAMPLE_SECONDS_MOST: Final = 180.0
_ANSWERS: Final[msgspec.json.Decoder[Answer]] = msgspec.json.Decoder(Answer)


async def sample(folder: Path, prompt: str, tokens: int, temperature_milli: int, seed: int) -> str:
    """What the newest version of the run in `folder` writes after `prompt`.

    Args:
        temperature_milli: in 1e-3; 0 takes the likeliest token at every step.

    Raises:
        UnavailableError: ``run.missing``, ``sample.slow``, or PyTorch is missing.
        SparewattError: what the aggregator failed with.
    """
    # Asking a running coordinator blocks, and has an event loop of its own.
    found = await asyncio.to_thread(look, folder)
    status = found.status
    threads = usable_cores()
    request = Sample(
        id=1,
        model=found.manifest.model,
        data=found.manifest.data,
        weights=Weights(status.version, status.outer_state, found.manifest.start_keyframe, found.manifest.frozen),
        prompt=prompt,
        tokens=tokens,
        temperature_milli=temperature_milli,
        seed=seed,
        threads=threads,
    )
    command = ChildCommand(
        (sys.executable, "-P", "-m", "sparewatt_coordinator.aggregate", str(DataFolder(folder).blobs)),
        environment_for(os.environ, {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}),
    )
    child = await start(command, lambda _: None)
    try:
        async with asyncio.timeout(SAMPLE_SECONDS_MOST):
            return await _asked(child, request)
    except TimeoutError as error:
        raise UnavailableError("sample.slow", seconds=int(SAMPLE_SECONDS_MOST)) from error
    finally:
        await child.stop(by_itself_seconds=2.0)


async def _asked(child: Child, request: Sample) -> str:
    await child.send(msgspec.json.encode(request))
    async for payload in child.frames():
        try:
            answer = decoded_by(_ANSWERS, payload)
        except Unreadable as error:
            raise ProtocolError("control.malformed") from error
        if isinstance(answer, Failed):
            raise told_error(answer.kind, answer.error_id, answer.parameters)
        if isinstance(answer, Sampled):
            return answer.text
        raise ProtocolError("control.malformed")
    raise ProtocolError("pipe.closed")
