"""``python -m sparewatt_coordinator.server --data DIR [--listen HOST:PORT]``"""

import argparse
import asyncio
import json
import logging
import os
import sys
from pathlib import Path

from sparewatt.clock import SystemClock
from sparewatt.errors import InputError, SparewattError
from sparewatt.wording.errors import sentence
from sparewatt_coordinator.gateway.validation import validate_payload
from sparewatt_coordinator.server.aggregators import ChildAggregators, half_of_the_processors
from sparewatt_coordinator.server.coordinator import Settings, run_coordinator
from sparewatt_coordinator.server.folder import DataFolder, Running
from sparewatt_coordinator.server.ports import Aggregator
from sparewatt_coordinator.store.base import RunRecord


def main() -> int:
    """Serve until stopped; one JSON line on standard output says where, or why not."""
    arguments = _parse(sys.argv[1:])
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # A line for every connection would be a flood of its own.
    logging.getLogger("websockets").setLevel(logging.ERROR)
    log = logging.getLogger("sparewatt.coordinator")
    try:
        host, port = _address(arguments.listen)
        settings = Settings(Path(arguments.data), host, port, arguments.parent_pipe)
        asyncio.run(_run(settings, log))
    except SparewattError as error:
        _say({"ready": False, "error": error.error_id, "parameters": error.parameters})
        sys.stderr.write(f"sparewatt: {sentence(error)}\n")
        return error.exit_code
    return 0


async def _run(settings: Settings, log: logging.Logger) -> None:
    def make_aggregator(record: RunRecord, folder: DataFolder) -> Aggregator:
        return ChildAggregators(record.manifest, folder.blobs, dict(os.environ), half_of_the_processors(), log.info)

    await run_coordinator(settings, SystemClock(), make_aggregator, validate_payload, _ready, log)


def _ready(running: Running) -> None:
    _say({"ready": True, "url": running.url, "run": running.run, "admin": running.admin, "pid": running.pid})


def _say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sparewatt_coordinator.server")
    parser.add_argument("--data", required=True, help="the coordinator's data folder")
    parser.add_argument("--listen", default="127.0.0.1:0", help="HOST:PORT; port 0 takes a free one")
    parser.add_argument(
        "--parent-pipe", action="store_true", help="end when standard input is closed, however its other end ended"
    )
    return parser.parse_args(arguments)


def _address(text: str) -> tuple[str, int]:
    """Raises InputError ``serve.address_malformed``."""
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise InputError("serve.address_malformed", address=text[:100])
    return host.strip("[]"), int(port)


if __name__ == "__main__":
    sys.exit(main())
