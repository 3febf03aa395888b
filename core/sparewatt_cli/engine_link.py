"""The way from a command to the engine: one connection, one request, one answer."""

import asyncio
from typing import TypeVar

import msgspec

from sparewatt.control.client import ControlClient, connect
from sparewatt.control.messages import Request
from sparewatt.errors import ProtocolError, UnavailableError
from sparewatt_cli.endings import NoEngineError
from sparewatt_cli.surroundings import Surroundings

Wanted = TypeVar("Wanted", bound=msgspec.Struct)


def ask(place: Surroundings, request: Request, wanted: type[Wanted]) -> Wanted:
    """The engine's answer to `request`, whose id is 1 because it is the only one of its connection.

    Raises:
        NoEngineError: ``engine.not_running``.
        SparewattError: what the engine answered, or what is wrong with the connection.
    """
    return asyncio.run(_asked(place, request, wanted))


def engine_answers(place: Surroundings) -> bool:
    """Whether an engine runs for the data folder and greets; one that is just ending may hang up instead."""
    try:
        asyncio.run(_greeted(place))
    except NoEngineError:
        return False
    except ProtocolError as error:
        if error.error_id != "control.closed":
            raise
        return False
    return True


async def _asked(place: Surroundings, request: Request, wanted: type[Wanted]) -> Wanted:
    async with await _connected(place) as client:
        return await client.ask(lambda _: request, wanted)


async def _greeted(place: Surroundings) -> None:
    async with await _connected(place):
        return


async def _connected(place: Surroundings) -> ControlClient:
    try:
        return await connect(place.control_address())
    except UnavailableError as error:
        if error.error_id == "engine.not_running":
            raise NoEngineError(error.error_id) from error
        raise
